"""Boundaries of a function's work, at which the process can be killed.

They lie before and after each commit and after each gateway call, enqueued task and mail; nothing outside changes
before a call. At the deadly boundary the process receives SIGKILL.
"""

import os
import signal
import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from infra.cloud_tasks import CloudTasks
from infra.postgres.connection import Connection

Name = Callable[..., str | None]


class Boundaries:
    """The boundaries reached since `watch`, in files of `folder` that the test and all processes share."""

    def __init__(self, folder: Path) -> None:
        self._passed, self._deadly, self._died = folder / "passed", folder / "deadly", folder / "died"

    def watch(self, deadly: int = 0) -> None:
        """Reset the count; the process that reaches boundary `number` is killed (from 1; 0 kills none)."""
        self._passed.write_text("")
        self._died.write_text("")
        self._deadly.write_text(str(deadly))

    def passed(self) -> list[str]:
        return self._passed.read_text().splitlines()

    def died(self, function: str) -> None:
        with self._died.open("a") as died:
            died.write(f"{function}\n")

    def deaths(self) -> list[str]:
        return self._died.read_text().splitlines()

    def pass_boundary(self, description: str) -> None:
        with self._passed.open("a") as passed:
            passed.write(f"{description}\n")
        if len(self.passed()) == int(self._deadly.read_text()):
            os.kill(os.getpid(), signal.SIGKILL)


def install(boundaries: Boundaries, function: str, google: tuple[str, ...]) -> None:
    """Wrap all outgoing calls in boundaries, except to the given addresses of Google's servers.

    Tokens are requested only occasionally, and a task already counts when it is enqueued.
    """

    def wrap(owner: type, method: str, name: Name, *, before: bool = False) -> None:
        inner = getattr(owner, method)

        def outer(*args: Any, **kwargs: Any) -> Any:
            description = name(*args, **kwargs)
            if description and before:
                boundaries.pass_boundary(f"{function}: before {description}")
            answer = inner(*args, **kwargs)
            if description:
                boundaries.pass_boundary(f"{function}: after {description}")
            return answer

        setattr(owner, method, outer)

    wrap(Connection, "commit", lambda connection: "commit" if connection._in_transaction else None, before=True)
    wrap(HTTPAdapter, "send", lambda _, sent, **__: None if sent.url.startswith(google) else _called(sent))
    wrap(CloudTasks, "enqueue", lambda _, task, *__: f"task for {task.queue}")
    wrap(smtplib.SMTP, "sendmail", lambda *_: "mail")


def _called(sent: Any) -> str:
    """Return the call's name without the ids that differ between runs."""
    words = [word for word in urlsplit(sent.url).path.split("/") if word.islower()]
    return f"gateway's {'/'.join(words)}"
