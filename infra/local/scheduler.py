"""Stand-in for Google Cloud Scheduler: calls the jobs of functions.yaml by their cron expressions.

python -m infra.local.scheduler --port N --functions terraform/functions.yaml --target SCHEDULE_URL \
    --metadata HOST:PORT --invoker EMAIL

As in the cloud, runs missed while it was down are not caught up. Unlike there, a job never runs twice at the same time,
and a failed run is not retried before its next time.
"""

import argparse
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import requests
import yaml
from croniter import croniter
from flask import Flask, Response, request
from markupsafe import Markup

from infra.local.metadata import Metadata
from infra.local.serving import call_directly, moment, page, serve_until_ended, table, wants_page

ATTEMPT_DEADLINE: Final = 180.0  # seconds; Cloud Scheduler's default for an HTTP target


@dataclass
class Job:
    name: str
    cron: str
    timezone: str
    next_at: datetime = field(init=False)
    last_at: datetime | None = None
    last_status: int | None = None
    running: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.plan()

    def plan(self) -> None:
        """Set the next time after now, in the job's time zone."""
        self.next_at = croniter(self.cron, datetime.now(ZoneInfo(self.timezone))).get_next(datetime)


def read_jobs(path: Path) -> dict[str, Job]:
    """Return the jobs of a functions.yaml by name."""
    return {name: Job(name, **settings) for name, settings in yaml.safe_load(path.read_text())["jobs"].items()}


class Scheduler:
    """Calls jobs between `start` and `stop`, each run in its own thread."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        target: str,
        metadata: Metadata,
        invoker: str,
        *,
        attempt_deadline: float = ATTEMPT_DEADLINE,
    ) -> None:
        self._jobs = jobs
        self._target = target
        self._metadata = metadata
        self._invoker = invoker
        self._attempt_deadline = attempt_deadline
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fire, name="scheduler", daemon=True)
        self.app = self._make_app()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def run(self, job: Job, due_at: datetime) -> requests.Response | None:
        """Call the job once and return its response; None if it is still running. Raises requests.RequestException."""
        if not job.running.acquire(blocking=False):
            return None
        try:
            job.last_at, job.last_status = datetime.now(UTC), None
            answer = self._call(job, due_at)
            job.last_status = answer.status_code
            return answer
        finally:
            job.running.release()

    def _call(self, job: Job, due_at: datetime) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self._metadata.id_token(self._target, self._invoker)}",
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name,
            "X-CloudScheduler-ScheduleTime": due_at.isoformat(),
        }
        url = f"{self._target.rstrip('/')}/jobs/{job.name}"
        return call_directly("POST", url, headers=headers, timeout=self._attempt_deadline)

    def _fire(self) -> None:
        while not self._stopped.wait(self._until_next()):
            now = datetime.now(UTC)
            for job in self._jobs.values():
                if job.next_at <= now:
                    threading.Thread(target=self._run_quietly, args=(job, job.next_at), daemon=True).start()
                    job.plan()

    def _until_next(self) -> float:
        # At most a second, because the clock jumps when a laptop wakes up.
        first = min((job.next_at for job in self._jobs.values()), default=datetime.max.replace(tzinfo=UTC))
        return min(1.0, max(0.0, (first - datetime.now(UTC)).total_seconds()))

    def _run_quietly(self, job: Job, due_at: datetime) -> None:
        try:
            self.run(job, due_at)
        except requests.RequestException as trouble:
            print(f"scheduler: {job.name}: {type(trouble).__name__}", flush=True)

    def _make_app(self) -> Flask:
        app = Flask(__name__)
        app.add_url_rule("/_local/jobs", view_func=self.show)
        app.add_url_rule("/_local/jobs/<name>/run", view_func=self.run_now, methods=["POST"])
        app.add_url_rule("/health", view_func=lambda: {"status": "ok"}, endpoint="health")
        return app

    def run_now(self, name: str) -> Response | tuple[dict[str, str], int]:
        job = self._jobs.get(name)
        if job is None:
            return {"error": f"no job is called {name}"}, 404
        try:
            answer = self.run(job, datetime.now(UTC))
        except requests.RequestException as trouble:
            return {"error": type(trouble).__name__}, 502
        if answer is None:
            return {"error": f"{name} still runs"}, 409
        return Response(answer.content, answer.status_code, content_type=answer.headers.get("Content-Type"))

    def show(self) -> str | dict[str, Any]:
        jobs: list[dict[str, Any]] = [
            {
                "name": job.name,
                "cron": job.cron,
                "timezone": job.timezone,
                "next_at": job.next_at.isoformat(),
                "last_at": job.last_at and job.last_at.astimezone(ZoneInfo(job.timezone)).isoformat(timespec="seconds"),
                "last_status": job.last_status,
                "running": job.running.locked(),
            }
            for job in self._jobs.values()
        ]
        if not wants_page(request.accept_mimetypes):
            return {"jobs": jobs}
        button = Markup('<form method="post" action="/_local/jobs/{}/run"><button>Run now</button></form>')
        times = [{"next_at": moment(job["next_at"]), "last_at": moment(job["last_at"])} for job in jobs]
        rows = [{**job, **at, "run": button.format(job["name"])} for job, at in zip(jobs, times, strict=True)]
        columns = ("name", "run", "cron", "next_at", "last_at", "last_status", "timezone")
        return page("Cloud Scheduler", table(columns, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description="Local Cloud Scheduler.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--functions", type=Path, required=True, help="functions.yaml")
    parser.add_argument(
        "--target",
        required=True,
        metavar="URL",
        help="the schedule function's URL, also the token's audience (SCHEDULE_URL)",
    )
    parser.add_argument(
        "--metadata", required=True, metavar="HOST:PORT", help="the metadata server that issues the tokens"
    )
    parser.add_argument(
        "--invoker", required=True, metavar="EMAIL", help="the service account of the tokens (SCHEDULE_INVOKER)"
    )
    options = parser.parse_args()
    jobs = read_jobs(options.functions)
    scheduler = Scheduler(jobs, options.target, Metadata(options.metadata), options.invoker)
    scheduler.start()
    try:
        serve_until_ended(scheduler.app, options.port)
    finally:
        scheduler.stop()


if __name__ == "__main__":
    main()
