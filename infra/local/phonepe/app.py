"""The stand-in as a server in a thread: routes, a timer that settles due transactions, and a clean shutdown."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, jsonify, redirect
from jinja2 import StrictUndefined
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from infra.local.phonepe.api import api
from infra.local.phonepe.control import control
from infra.local.phonepe.desk import Desk, Pace
from infra.local.phonepe.pages import pages, rupees
from infra.local.phonepe.signing import Merchant
from infra.local.phonepe.store import Store
from infra.local.phonepe.v2.account import Account
from infra.local.phonepe.v2.api import api as v2
from infra.local.phonepe.v2.tokens import Tokens

HOST = "127.0.0.1"

_LARGEST_BODY = 64 * 1024
_TICK_SECONDS = 0.05


@dataclass(frozen=True)
class Options:
    """`port` 0 takes a free one; without a public URL, pay pages use the URL of the pay request."""

    merchant: Merchant
    data: Path
    port: int = 0
    public_url: str | None = None
    pace: Pace = field(default_factory=Pace)
    account: Account = field(default_factory=Account)


def make_app(desk: Desk, public_url: str | None = None) -> Flask:
    """Return the Flask app of one desk, with both API versions at the root and under the sandbox's prefix."""
    app = Flask(__name__)
    app.config.update(PUBLIC_URL=public_url, MAX_CONTENT_LENGTH=_LARGEST_BODY)
    app.extensions["desk"] = desk
    app.extensions["tokens"] = Tokens()
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.filters["rupees"] = rupees
    app.register_blueprint(api)
    app.register_blueprint(api, name="sandbox", url_prefix="/apis/pg-sandbox")
    app.register_blueprint(v2)
    app.register_blueprint(v2, name="sandbox_v2", url_prefix="/apis/pg-sandbox")
    app.register_blueprint(pages)
    app.register_blueprint(control)
    app.add_url_rule("/", view_func=_index)
    app.add_url_rule("/health", view_func=_health)
    return app


class Server:
    """Listens once created, and serves requests between `start` and `stop`."""

    def __init__(self, options: Options) -> None:
        self._desk = Desk(options.merchant, options.account, Store(options.data), options.pace)
        app = make_app(self._desk, options.public_url)
        self._http = make_server(HOST, options.port, app, threaded=True, request_handler=_QuietHandler)
        self.url = f"http://{HOST}:{self._http.server_port}"
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(_TICK_SECONDS,), name="phonepe", daemon=True),
            threading.Thread(target=self._tick, name="phonepe-clock", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop within a few seconds; delayed responses are sent at once."""
        self._desk.closing.set()
        self._http.shutdown()
        for thread in self._threads:
            thread.join()
        self._http.server_close()
        self._desk.close()

    def _tick(self) -> None:
        while not self._desk.closing.wait(_TICK_SECONDS):
            self._desk.settle_due()


class _QuietHandler(WSGIRequestHandler):
    """Logs no requests, because anyone with a pay page's URL can pay as its customer."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


def _index() -> Response:
    return redirect("/_local/payments")


def _health() -> Response:
    return jsonify(status="ok")
