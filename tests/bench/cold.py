"""From the start of a process to its first 200: of `/health`, and of an authenticated read that opens its connection."""

import http.client
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from infra.local.processes import ReservedPort
from tests.bench.servers import QUIET, ROOT, Subject

PATIENCE = 30.0


@dataclass(frozen=True)
class Ask:
    """A request that a cold process answers with 200."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None


def first_answer(subject: Subject, ask: Ask, log: Path, environ: dict[str, str]) -> float:
    """Start a server, ask until it answers (each millisecond), end it; returns the seconds until the whole answer."""
    port = ReservedPort()
    with log.open("ab") as words:
        began = time.perf_counter()
        process = subprocess.Popen(
            subject.on(port.number), stdout=words, stderr=words, cwd=ROOT, env=QUIET | environ, start_new_session=True
        )
    try:
        while True:
            status = _status(port.number, ask)
            took = time.perf_counter() - began
            if status == 200:
                return took
            if status is not None or took > PATIENCE or process.poll() is not None:
                raise RuntimeError(f"{subject.name} answered {status}: {log.read_text()[-2000:]}")
            time.sleep(0.001)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        port.close()


def _status(port: int, ask: Ask) -> int | None:
    """Return the status answered; None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(ask.method, ask.path, ask.body, ask.headers)
        answer = connection.getresponse()
        answer.read()
    except (ConnectionError, http.client.RemoteDisconnected):
        return None
    finally:
        connection.close()
    return answer.status
