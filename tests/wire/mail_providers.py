"""A mail, and a server with the part of Resend that sending needs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.notifications.mail import Mail

SENDER = "Sizzle <hello@sizzle.example>"
KEY = "re_secret"
MAIL = Mail(
    to="asha@example.com",
    subject="Ihr Code für Sizzle: ₹ आशा",
    text="Der Code ist 123456.\n.\nGrüße, " + "a long line " * 20,
    html="<p>Der Code ist <b>123456</b>. Grüße</p>",
    id="otp.7f3a",
)


class Resend(ThreadingHTTPServer):
    """The part of Resend that sending needs: the API key, a day's idempotency keys, the refusals."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ResendHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[dict[str, object]] = []
        self.sent: dict[str, dict[str, object]] = {}
        self.fails: tuple[int, bytes] | None = None
        self.ending = threading.Event()
        self.hangs = False

    def accept(self, key: str, body: dict[str, object]) -> tuple[int, bytes]:
        if body["to"] == ["bad@example"]:
            refused = {"statusCode": 422, "name": "validation_error", "message": f"Invalid `to`: {body['to']}"}
            return 422, json.dumps(refused).encode()
        if self.sent.setdefault(key, body) != body:
            return 409, b'{"statusCode": 409, "name": "invalid_idempotent_request"}'
        return 200, b'{"id": "49a3999c"}'


class ResendHandler(BaseHTTPRequestHandler):
    server: Resend

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        self.server.requests.append({"path": self.path, "key": key, "body": body})
        if self.server.hangs:
            self.server.ending.wait(10)
            return
        status, answer = self.server.fails or self.server.accept(key, body)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            status, answer = 403, b'{"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}'
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_resend() -> Iterator[Resend]:
    with Resend() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.ending.set()
        running.shutdown()
        thread.join()
