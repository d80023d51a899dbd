"""The Cloud Scheduler stand-in, with a worker that records its requests."""

import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests

from infra.google.invokers import InvokerTokens
from infra.local.metadata import Metadata
from infra.local.scheduler import Job, Scheduler, read_jobs
from tests.google_servers import FUNCTIONS, GoogleServers, Running, Worker
from tests.waiting import started, until

INVOKER = "scheduler@test-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def google(tmp_path_factory):
    with GoogleServers(tmp_path_factory.mktemp("google")) as servers:
        yield servers


@pytest.fixture
def worker():
    with Worker() as running:
        yield running


@pytest.fixture
def schedule(google, worker):
    """Return a function that serves jobs and returns the base URL of the stand-in."""
    started = []

    def start(attempt_deadline=5.0, **crons):
        jobs = {name: Job(name, cron, "Asia/Kolkata") for name, cron in crons.items()}
        metadata = Metadata(google.metadata_host)
        scheduler = Scheduler(jobs, worker.url, metadata, INVOKER, attempt_deadline=attempt_deadline)
        scheduler.start()
        server = Running(scheduler.app)
        started.extend((server, scheduler))
        return f"{server.url}/_local/jobs"

    yield start
    for running in started:
        running.stop()


def listed(url):
    return {job["name"]: job for job in requests.get(url, timeout=5).json()["jobs"]}


def test_a_job_is_fired_on_its_cron_line_as_cloud_scheduler_does(schedule, google, worker):
    url = schedule(sweep="* * * * * *", expire="0 3 * * *")  # six fields: each second
    first, second = worker.wait_for(2)[:2]

    assert (first.method, first.path, first.body) == ("POST", "/jobs/sweep", b"")
    assert first.headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert first.headers["X-CloudScheduler"] == "true"
    assert first.headers["X-CloudScheduler-JobName"] == "sweep"
    tokens = InvokerTokens(google.issuer, google.jwks_url, worker.url, frozenset({INVOKER}))
    assert tokens.verify(first.headers["Authorization"].removeprefix("Bearer ")) == INVOKER
    due = [datetime.fromisoformat(received.headers["X-CloudScheduler-ScheduleTime"]) for received in (first, second)]
    assert due[1] - due[0] == timedelta(seconds=1)
    until(lambda: listed(url)["sweep"]["last_status"] == 200)
    assert listed(url)["expire"]["last_at"] is None


def test_a_job_is_due_in_its_own_time_zone():
    job = Job("nightly", "30 2 * * *", "Asia/Kolkata")

    local = job.next_at.astimezone(ZoneInfo("Asia/Kolkata"))
    assert (local.hour, local.minute) == (2, 30)
    assert timedelta(0) < job.next_at - datetime.now(UTC) <= timedelta(days=1)


def test_the_declared_jobs_are_read():
    assert read_jobs(FUNCTIONS)["sweep"].cron == "* * * * *"


def test_a_job_run_now_answers_as_its_handler_did(schedule, worker):
    url = schedule(sweep="0 3 * * *")
    worker.answer = lambda _: 418

    answer = requests.post(f"{url}/sweep/run", timeout=5)

    assert (answer.status_code, answer.text) == (418, "ok")
    assert listed(url)["sweep"]["last_status"] == 418


def test_an_unknown_job_is_not_found(schedule):
    assert requests.post(f"{schedule(sweep='0 3 * * *')}/swoop/run", timeout=5).status_code == 404


def test_a_job_never_runs_twice_at_once(schedule, worker):
    url = schedule(sweep="0 3 * * *")
    released = threading.Event()
    worker.answer = lambda _: released.wait(5) and 200
    first = threading.Thread(target=requests.post, args=(f"{url}/sweep/run",), kwargs={"timeout": 5})
    first.start()
    worker.wait_for(1)

    assert requests.post(f"{url}/sweep/run", timeout=5).status_code == 409
    assert listed(url)["sweep"]["running"] is True
    released.set()
    first.join()
    assert requests.post(f"{url}/sweep/run", timeout=5).status_code == 200


def test_a_handler_that_takes_too_long_is_given_up(schedule, worker):
    url = schedule(attempt_deadline=0.1, sweep="0 3 * * *")
    released = threading.Event()
    worker.answer = lambda _: released.wait(5) and 200

    assert requests.post(f"{url}/sweep/run", timeout=5).status_code == 502
    assert listed(url)["sweep"]["running"] is False
    released.set()


def test_a_handler_that_is_not_there_ends_nothing(schedule, worker, capsys):
    worker.stop()
    url = schedule(sweep="* * * * * *")

    until(lambda: "sweep: ConnectionError" in capsys.readouterr().out)
    assert requests.post(f"{url}/sweep/run", timeout=5).status_code == 502


def test_a_browser_gets_a_page_with_a_button(schedule):
    answer = requests.get(schedule(sweep="0 3 * * *"), headers={"Accept": "text/html"}, timeout=5)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert '<form method="post" action="/_local/jobs/sweep/run">' in answer.text


def test_it_runs_as_a_process_and_ends_cleanly_on_sigterm(google, worker):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "infra.local.scheduler", "--port", str(port), "--functions", str(FUNCTIONS)]
    command += ["--target", worker.url, "--metadata", google.metadata_host, "--invoker", INVOKER]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until(lambda: healthy(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout.read() == b""


def healthy(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False
