"""Google's servers in this process (metadata with issuer, Cloud Tasks) on free ports, and a recording worker."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from infra.google.identity import MetadataIdentity
from infra.local.cloud_tasks.queues import read_queues
from infra.local.cloud_tasks.server import CloudTasksServer
from infra.local.metadata import Issuer, Metadata, create_app
from infra.local.serving import listen

FUNCTIONS = Path(__file__).parent.parent / "terraform" / "functions.yaml"


class Running:
    """A WSGI application served on a free port of the loopback interface until `stop`."""

    def __init__(self, app: Any) -> None:
        self._server = listen(app, 0)
        self.host = f"127.0.0.1:{self._server.port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@cache
def _key() -> bytes:
    with TemporaryDirectory() as folder:
        Issuer(Path(folder), "")
        return (Path(folder) / "issuer-key.pem").read_bytes()


def _with_key(data: Path) -> Path:
    """Reuse one RSA key for all issuers of this process: generating one takes a tenth of a second."""
    if not (data / "issuer-key.pem").exists():
        (data / "issuer-key.pem").write_bytes(_key())
    return data


class GoogleServers:
    """Metadata server and Cloud Tasks with their state under `data`, running until `stop`."""

    project = "test-project"
    email = "functions@test-project.iam.gserviceaccount.com"
    issuer = "https://issuer.test"
    location = "projects/test-project/locations/asia-south1"

    def __init__(self, data: Path, functions: Path = FUNCTIONS, **settings: Any) -> None:
        """Serve the queues of `functions`; `settings` are those of CloudTasksServer."""
        self._metadata = Running(create_app(Issuer(_with_key(data), self.issuer), self.project, self.email))
        self.metadata_host = self._metadata.host
        self.jwks_url = f"{self._metadata.url}/jwks"
        self._tasks = CloudTasksServer(read_queues(functions), Metadata(self.metadata_host), data, **settings)
        self._tasks.start()
        self._running_tasks = Running(self._tasks.app)
        self.tasks_url = self._running_tasks.url

    def identity(self) -> MetadataIdentity:
        return MetadataIdentity(self.metadata_host)

    def stop(self) -> None:
        self._running_tasks.stop()
        self._tasks.stop()
        self._metadata.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Worker:
    """An HTTP server that records each POST; the optional `answer` computes the status it returns."""

    def __init__(self, answer: Callable[[Received], int] = lambda _: 200) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self._arrived = threading.Condition()
        self._server = _WorkerServer(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def take(self, received: Received) -> int:
        with self._arrived:
            self.received.append(received)
            self._arrived.notify_all()
        return self.answer(received)

    def wait_for(self, count: int, seconds: float = 5.0) -> list[Received]:
        """Return the received requests once there are `count`; raises when they do not arrive in time."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= count, seconds), self.received
            return list(self.received)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _WorkerServer(ThreadingHTTPServer):
    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        super().__init__(("127.0.0.1", 0), _WorkerHandler)

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect before the answer: some tests do that."""


class _WorkerHandler(BaseHTTPRequestHandler):
    server: _WorkerServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = self.server.worker.take(Received(self.command, self.path, dict(self.headers), body))
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
