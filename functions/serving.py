"""A function as it is served: one application, its endpoints loaded noun by noun with the first request for each.

A starting instance has a request waiting: it loads what that request needs and no more.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from flask import Blueprint, Flask, Request, Response, current_app, has_app_context
from flask import request as current_request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Response as AnyResponse

from functions import problems, wiring
from functions.observed import observe
from functions.web import MAX_BODY, Endpoint, Routes, json_response, view_of
from shared.kit import log
from shared.kit.loading import load

# The modules that may answer at an address and below it, in the order in which they are loaded.
Nouns = Mapping[str, Sequence[str]]


class Application(Flask):
    """The application of one function."""

    def __init__(self, name: str, nouns: Nouns) -> None:
        super().__init__(name, static_folder=None)
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.url_map.strict_slashes = False
        self._nouns, self._loaded, self._loading = nouns, set[str](), Lock()

    def dispatch_request(self) -> object:  # type: ignore[override]
        """Answer; an address that nobody knows yet may be of a noun that was not asked for before."""
        for module in self._nouns_at(current_request.path):
            if current_request.routing_exception is None:
                break
            self._load(module)
            current_request.routing_exception = None
            request_ctx.match_request()
        return super().dispatch_request()

    def all_routes(self) -> list[Routes]:
        """Return the endpoints of every noun, loading what was not loaded yet."""
        modules = dict.fromkeys(module for modules in self._nouns.values() for module in modules)
        for module in modules:
            self._load(module)
        return [load(module).routes for module in modules]

    def _nouns_at(self, path: str) -> Iterator[str]:
        asked = re.sub("/+", "/", path) + "/"
        for address, modules in self._nouns.items():
            if asked.startswith(address + "/"):
                yield from modules

    def _load(self, module: str) -> None:
        with self._loading:
            if module not in self._loaded:
                for endpoint in load(module).routes.endpoints:
                    self._add(endpoint)
                self._loaded.add(module)

    def _add(self, endpoint: Endpoint) -> None:
        # Not add_url_rule, which Flask refuses once a request has come.
        name = f"{endpoint.method} {endpoint.path}"
        self.view_functions[name] = view_of(endpoint)
        path = re.sub(r"{(\w+)}", r"<\1>", endpoint.path)
        self.url_map.add(Rule(path, methods=[endpoint.method, "OPTIONS"], endpoint=name))


def create_app(name: str, nouns: Nouns, pages: Sequence[Blueprint] = ()) -> Application:
    """Make the application of one function from its nouns, and from pages that are no part of the API."""
    app = Application(name, nouns)
    app.add_url_rule("/health", "health", lambda: json_response('{"status":"ok"}', 200), methods=["GET"])
    for page in pages:
        app.register_blueprint(page)
    problems.register(app)
    observe(app, name)
    return app


def serve(
    name: str,
    nouns: Nouns,
    requires: Sequence[str] = (),
    loads: Sequence[str] = (),
    pages: Sequence[Blueprint] = (),
) -> Callable[[Request], AnyResponse]:
    """Return the target of a function: a plain function over the application of these nouns.

    `requires` are the settings without which the process does not start: each function has only its own secrets.
    `loads` are the modules that each of its requests needs and nothing imports at the top.
    """
    settings = wiring.settings()
    settings.require(*requires)
    log.configure(settings.log_level)
    for module in loads:
        load(module)
    if "infra.postgres.engine" in loads:
        wiring.database()  # connects after the fork only, but loads now what its address asks for
    app = create_app(name, nouns, pages)

    def target(request: Request) -> AnyResponse:
        # The framework's own routing is a catch-all: the inner application does everything, errors included.
        return Response.from_app(app.wsgi_app, request.environ)

    if has_app_context():  # the framework's, which catches no path with a line break in it, nor /favicon.ico
        current_app.register_error_handler(HTTPException, lambda _: target(current_request))
    target.app = app  # type: ignore[attr-defined]
    return target
