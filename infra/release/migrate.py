"""`python -m infra.release.migrate FILE`: calls the migrate function, which migrates the database to this release.

FILE is the output of `terraform output -json migration`: `{"queue", "url", "account", "target"}`. A Cloud Task makes the
call, because a build runs outside the network and the function only accepts internal calls. A task that succeeds is
deleted, one that fails is retried. Settings: CLOUD_TASKS_LOCATION; CLOUD_TASKS_URL and GCE_METADATA_HOST as for functions.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests

from infra.cloud_tasks import CloudTasks
from infra.google import IdentityUnavailable
from infra.google.identity import MetadataIdentity
from shared.kit.ids import new_id
from shared.kit.settings import Settings
from shared.outbox.queue import QueueUnavailable, Task

TRIES: Final = 3  # the first failure may come from an instance that is still starting
DEADLINE: Final = 900  # seconds, the function's timeout
PATIENCE: Final = 1800.0
EVERY: Final = 2.0
TIMEOUT: Final = 10


class NotMigrated(Exception):
    """The migration failed or its result is unknown, so no traffic may move; the message is the reason."""


class Migration:
    """One call of the migrate function, by a task that is polled until it is deleted."""

    def __init__(self, settings: Settings, wanted: Mapping[str, str]) -> None:
        self._identity = MetadataIdentity(settings.gce_metadata_host)
        location = settings.cloud_tasks_location or ""
        self._queue = CloudTasks(
            settings.cloud_tasks_url,
            location,
            wanted["target"],
            wanted["account"],
            self._identity,
            timeout=TIMEOUT,
            dispatch_deadline=DEADLINE,
        )
        path = wanted["url"].removeprefix(wanted["target"])
        self._task = Task(wanted["queue"], new_id().hex, path, b"{}")
        self._url = f"{settings.cloud_tasks_url}/v2/{location}/queues/{self._task.queue}/tasks/{self._task.name}"

    def run(self, patience: float = PATIENCE, every: float = EVERY) -> None:
        """Migrate the database and wait. Raises NotMigrated after deleting a task that fails."""
        try:
            self._queue.enqueue(self._task, TIMEOUT)
            self._watch(patience, every)
        except (QueueUnavailable, IdentityUnavailable, requests.RequestException) as trouble:
            raise NotMigrated(str(trouble)) from trouble
        finally:
            self._queue.close()

    def _watch(self, patience: float, every: float) -> None:
        until = time.monotonic() + patience
        while (task := self._ask("GET")) is not None:
            if task.get("responseCount", 0) >= TRIES or time.monotonic() > until:
                self._ask("DELETE")
                last = task.get("lastAttempt", {}).get("responseStatus", "no response is known")
                raise NotMigrated(f"{task.get('responseCount', 0)} responses without a success; the last: {last}")
            time.sleep(every)

    def _ask(self, method: str) -> dict[str, Any] | None:
        """Send a request about the task and return it; None if it is deleted. Raises requests.RequestException."""
        headers = {"Authorization": f"Bearer {self._identity.access_token()}"}
        answer = requests.request(method, self._url, headers=headers, timeout=TIMEOUT)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        task: dict[str, Any] = answer.json()
        return task


def main(file: str) -> None:
    settings = Settings.read()
    settings.require("cloud_tasks_location")
    try:
        Migration(settings, json.loads(Path(file).read_text())).run()
    except NotMigrated as failure:
        sys.exit(f"Not migrated: {failure}\nThe reason is in the migrate function's log.")
    sys.stdout.write("The database has this release's schema.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
