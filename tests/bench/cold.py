"""From the start of a process to its first 200: of `/health`, and of an authenticated read that opens its connection."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.local.processes import ReservedPort
from tests.bench.deployed import deployed
from tests.bench.figures import Figure, Goal
from tests.bench.servers import QUIET, Subject, peer
from tests.bench.stage import HttpRequest, Stage

PATIENCE = 30.0  # seconds
GOAL = Goal("≤", 0.85)
HEALTH = HttpRequest("GET", "/health", {})
SOME = ("customer",)  # where there is little time


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Start each function and peer A again and again, in turn."""
    reads = stage.reads()
    functions = deployed([name for name in reads if not quick or name in SOME])
    subjects = {"A": peer("bare"), **functions}
    requests: dict[str, Callable[[str], HttpRequest]] = {
        "/health": lambda _: HEALTH,
        "first read": lambda name: reads["customer" if name == "A" else name](),
    }
    for what, build in requests.items():
        took: dict[str, list[float]] = {name: [] for name in subjects}
        for repetition in range(2 if quick else 8):
            for name, subject in subjects.items():
                seconds = first_answer(subject, build(name), folder / f"{name}.log", stage.environ)
                if repetition:  # the first warms the disk
                    took[name].append(seconds * 1000)
        for name in functions:
            yield Figure("Cold start", f"{name}, {what}", "ms", took[name], "A", took["A"], GOAL)


def first_answer(subject: Subject, request: HttpRequest, log: Path, environ: dict[str, str]) -> float:
    """Start a server, ask until it answers (each millisecond), end it; returns the seconds until the whole answer."""
    port = ReservedPort()
    environ = QUIET | {"PYTHONPATH": str(subject.folder)} | environ
    with log.open("ab") as words:
        began = time.perf_counter()
        process = subprocess.Popen(
            subject.on(port.number), stdout=words, stderr=words, cwd=subject.folder, env=environ, start_new_session=True
        )
    try:
        while True:
            status = _status(port.number, request)
            took = time.perf_counter() - began
            if status == 200:
                return took
            if status is not None or took > PATIENCE or process.poll() is not None:
                raise RuntimeError(f"{subject.name} answered {status}: {log.read_text()[-2000:]}")
            time.sleep(0.001)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        port.close()


def _status(port: int, request: HttpRequest) -> int | None:
    """Return the status answered; None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(request.method, request.path, request.body, request.headers)
        answer = connection.getresponse()
        answer.read()
    except (ConnectionError, http.client.RemoteDisconnected):
        return None
    finally:
        connection.close()
    return answer.status
