"""The measured servers, each in its own process: our functions as deployed, and the two peers."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from infra.local.processes import Process, ReservedPort, stop
from tests.bench.environments import ROOT, environment

PEERS = Path(__file__).with_name("requirements.txt")
QUIET = {"PYTHONDONTWRITEBYTECODE": "", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
DEPLOYED = {"WORKERS": "1", "THREADS": "8", "DATABASE_POOL": "8"}  # as Terraform says of an instance


@dataclass(frozen=True)
class Subject:
    """A measured server: its name in the table, and the command that serves it on a port from a folder."""

    name: str
    command: tuple[str, ...]
    folder: Path = ROOT

    def on(self, port: int) -> list[str]:
        return [part.replace("{port}", str(port)) for part in self.command]


def ours(function: str, source: str = "main.py") -> Subject:
    framework = str(Path(sys.executable).with_name("functions-framework"))
    return Subject(
        function, (framework, f"--source={source}", f"--target={function}", "--host=127.0.0.1", "--port={port}")
    )


def peer(name: str) -> Subject:
    served = f"tests.bench.peers.{name}:app"
    return Subject(
        name,
        (
            str(environment(PEERS)),
            "-m",
            "uvicorn",
            served,
            "--port",
            "{port}",
            "--log-level",
            "warning",
            "--no-access-log",
        ),
    )


@dataclass(frozen=True)
class Served:
    """A subject served at `url` by the processes of the group `group`."""

    url: str
    group: int


@contextmanager
def serving(subject: Subject, log: Path, **environ: str) -> Iterator[str]:
    """Serve until the block ends; yield the URL once the port answers."""
    with running(subject, log, **environ) as served:
        yield served.url


@contextmanager
def running(subject: Subject, log: Path, **environ: str) -> Iterator[Served]:
    """Serve until the block ends; yield the URL and the process group."""
    port = ReservedPort()
    url = f"http://127.0.0.1:{port.number}"
    process = Process(subject.name, subject.on(port.number), log, QUIET | environ, folder=subject.folder)
    process.start()
    try:
        _until_healthy(process, url)
        assert process.running
        yield Served(url, process.running.pid)
    finally:
        stop([process])
        port.close()


def _until_healthy(process: Process, url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            if requests.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        if process.died() or time.monotonic() > until:
            raise RuntimeError(f"{process.name} did not start:\n{process.last_words()}")
        time.sleep(0.02)


@contextmanager
def serving_all(subjects: Sequence[tuple[Subject, Mapping[str, str]]], log: Path) -> Iterator[list[str]]:
    """Serve all subjects, each with its own environment, started at once; yield their URLs once all answer."""
    ports = [ReservedPort() for _ in subjects]
    urls = [f"http://127.0.0.1:{port.number}" for port in ports]
    processes = [
        Process(subject.name, subject.on(port.number), log, QUIET | dict(environ), folder=subject.folder)
        for (subject, environ), port in zip(subjects, ports, strict=True)
    ]
    try:
        for process in processes:
            process.start()
        for process, url in zip(processes, urls, strict=True):
            _until_healthy(process, url)
        yield urls
    finally:
        stop(processes)
        for port in ports:
            port.close()
