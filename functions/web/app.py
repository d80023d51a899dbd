"""A function's application: a static route table, whose modules are imported at their first request.

A cold start has a request waiting, so it imports only the modules that this request needs.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from urllib.parse import quote

from flask import Flask, Request, Response, current_app, has_app_context
from flask import request as current_request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from functions import wiring
from functions.web import problems
from functions.web.body import buffer_body
from functions.web.call import Call
from functions.web.endpoint import Endpoint
from functions.web.middleware import Exchange
from functions.web.routing import Route, RouteTable, Table, merge_slashes
from shared.kit import log
from shared.kit.lazy_import import load

HEALTH = {"/health": {"GET": "functions.web.health"}}


class App:
    """Answers the requests of one function, errors included."""

    def __init__(self, name: str, table: Table) -> None:
        self.name = name
        self.table = RouteTable({**table, **HEALTH})
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._loading = Lock()

    def respond(self, request: Request, error: HTTPException | None = None) -> Response:
        """Return the response to a request; every exception becomes a problem document. `error`: raised by the framework."""
        exchange = Exchange(request, self.name)
        try:
            response = problems.response_to(error) if error else self._dispatch(exchange)
        except Exception as raised:  # noqa: BLE001 - every error leaves as a problem document
            response = problems.response_to(raised)
        return exchange.finish(response)

    def endpoints(self) -> list[Endpoint]:
        """Return every endpoint of the function; imports all of its modules."""
        return [self._endpoint(method, route) for route in self.table.routes for method in route.modules]

    def handle_errors_of(self, framework: Flask) -> None:
        """Answer requests the framework rejects itself: /favicon.ico, a path with a line break, an invalid Host."""

        def answer_redirect() -> Response | None:
            """Answer a path that Flask itself would redirect, to an address made from the request's Host."""
            is_redirect = isinstance(current_request.routing_exception, RequestRedirect)
            return self.respond(current_request) if is_redirect else None

        def handle(error: HTTPException) -> Response:
            return self.respond(current_request, None if error.code == 404 else error)

        framework.before_request(answer_redirect)
        framework.register_error_handler(HTTPException, handle)

    def _dispatch(self, exchange: Exchange) -> Response:
        request = exchange.request
        buffer_body(request)
        if request.method == "OPTIONS":
            return Response(status=204)
        path = merge_slashes(request.path)
        route, values = self.table.match(path)
        exchange.route = route.pattern
        endpoint = self._endpoint(route.method(request.method), route)
        if path != request.path:
            return _moved(path, request.query_string)
        return Call(request, endpoint, exchange.request_id).respond(values)

    def _endpoint(self, method: str, route: Route) -> Endpoint:
        key = method, route.pattern
        if key not in self._endpoints:
            with self._loading:
                self._endpoints[key] = load(route.modules[method]).routes.find(*key)
        return self._endpoints[key]


def _moved(path: str, query: bytes) -> Response:
    location = quote(path, safe="/:@!$&'()*+,;=") + (f"?{query.decode('latin-1')}" if query else "")
    return Response(status=308, headers={"Location": location})


def serve(
    name: str,
    table: Table,
    of_lines: Mapping[str, Table] | None = None,
    *,
    requires: Sequence[str] = (),
    loads: Sequence[str] = (),
) -> Callable[[Request], Response]:
    """Return the entry point of a function: it dispatches requests by this route table.

    `of_lines` are routes by line; routes of a disabled line do not exist, and a line's route replaces the core's at
    the same path. With a mapping, even an empty one, LINES is read, so that an unknown name fails at start. So a
    function that calls lines but serves none of their routes passes an empty mapping. Raises ValueError if two lines
    have the same path.
    `requires` are the settings without which the process does not start: each function has only its own secrets.
    `loads` are modules that every request needs and no module imports at the top.
    """
    settings = wiring.settings()
    settings.require(*requires)
    log.configure(settings.log_level)
    for module in loads:
        load(module)
    if "infra.postgres.engine" in loads:
        wiring.database()  # imports the adapter now; the first use, after the fork, connects
    enabled = () if of_lines is None else wiring.line_names()
    added: Table = {}
    for line, routes in (of_lines or {}).items():
        if line in enabled:
            if twice := added.keys() & routes.keys():
                raise ValueError(f"two lines of business in LINES have the same path: {sorted(twice)}")
            added = {**added, **routes}
    app = App(name, {**{path: kept for path, kept in table.items() if path not in added}, **added})

    def target(request: Request) -> Response:
        return app.respond(request)

    if has_app_context():
        app.handle_errors_of(current_app)
    target.app = app  # type: ignore[attr-defined]
    return target
