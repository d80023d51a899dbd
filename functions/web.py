"""HTTP in, HTTP out: endpoints are declared once, with what they take, answer and refuse; the rest follows from it."""

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from flask import Request, Response, g
from flask import request as current_request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from functions import access, problems, wiring
from functions.access import Calling
from shared.audit.by import By
from shared.idempotency.queries import Key, Replayed, fingerprint
from shared.kit.errors import Invalid, Refusal
from shared.kit.schemas import UUID_TEXT
from shared.sign_in.limits import Client
from shared.sign_in.sessions import Caller, Somebody

MAX_BODY = 1024 * 1024
Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API: the document is generated from it, and the request is held against it.

    With `etag` an answer the client has already is a 304; `page` makes a page of the answer for who prefers HTML.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    role: str | None
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: Any
    status: int
    refuses: tuple[type[Refusal], ...]
    idempotent: bool
    etag: bool
    page: Callable[[Any], str] | None


class Routes:
    """The endpoints of one noun under one prefix; `role` is who may call them (None: anybody)."""

    def __init__(self, prefix: str, role: str | None = None) -> None:
        self.prefix, self.role = prefix, role
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("GET", path, declared)

    def post(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("POST", path, declared)

    def put(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("PUT", path, declared)

    def delete(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, {"status": 204, **declared})

    def _add(self, method: str, path: str, declared: Mapping[str, Any]) -> Callable[[Handler], Handler]:
        defaults: dict[str, Any] = {"body": None, "query": None, "answer": None, "status": 200, "refuses": ()}
        defaults |= {"idempotent": False, "etag": False, "page": None, "role": self.role}
        values = {**defaults, **declared}

        def register(handler: Handler) -> Handler:
            self.endpoints.append(Endpoint(method, self.prefix + path, handler, **values))
            return handler

        return register


class Call(Calling):
    """One request on its way through an endpoint: what it carries, who sends it, and when."""

    def __init__(self, request: Request, endpoint: Endpoint) -> None:
        self.request, self.endpoint = request, endpoint
        self.now = datetime.now(UTC)
        self.role = endpoint.role
        self.claims = access.claims(request) if endpoint.role else None
        self._body: Any = None

    @property
    def client(self) -> Client:
        return Client.at(self._address)

    @property
    def _address(self) -> str:
        return access.address(self.request, wiring.settings().trusted_proxies)

    def by(self, caller: Caller) -> By:
        """Return an admin at work, as the audit log names them."""
        return By(caller.id, self._address, g.request_id)

    def key(self, caller: Somebody) -> Key | None:
        """Return the request's Idempotency-Key with whom, what and which body it is for; None without one."""
        given = self.request.headers.get("Idempotency-Key")
        if given is None:
            return None
        if not 1 <= len(given) <= 255 or not given.isprintable():
            raise Invalid("header.Idempotency-Key", "must be 1 to 255 printable characters")
        route = f"{self.request.method} {self.request.path}"  # the very booking, not the kind of address
        return Key(caller.id, route, given, fingerprint(self._body))

    def raw(self) -> bytes:
        """Return the body as it came; raises RequestEntityTooLarge beyond MAX_BODY."""
        raw = self.request.get_data(cache=True)
        if self.request.content_length is None and len(raw) >= MAX_BODY:
            raise RequestEntityTooLarge  # a chunked body has no length to refuse: it is cut off at the limit
        return raw

    def body(self) -> BaseModel | None:
        """Read and validate the body; raises Invalid naming the fields, or the media type's own errors."""
        if self.endpoint.body is None:
            return None
        raw = self.raw() or b"{}"  # no body names no field: what is missing is then said
        if raw != b"{}" and self.request.mimetype != "application/json":
            raise problems.UnsupportedMediaType
        try:
            parsed = self.endpoint.body.model_validate_json(raw)
        except ValidationError as error:
            raise problems.invalid(error) from error
        json.loads(raw, object_pairs_hook=_once, parse_int=str)  # pydantic keeps the last of two and says nothing
        self._body = parsed.model_dump(mode="json")
        return parsed

    def query(self) -> BaseModel | None:
        if self.endpoint.query is None:
            return None
        given = list(self.request.args.items(multi=True))
        try:
            return self.endpoint.query.model_validate(_once(given, "query."))
        except ValidationError as error:
            raise problems.invalid(error, "query") from error


def _inputs(call: Call, path: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _segment(name, text) for name, text in path.items()}
    body, query = call.body(), call.query()
    return values | ({"body": body} if body else {}) | ({"query": query} if query else {})


def _once(pairs: list[tuple[str, Any]], prefix: str = "") -> dict[str, Any]:
    """Make an object of its pairs; raises Invalid where a name comes twice: of two readers, each might believe another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Invalid(prefix + name, "is said twice")
    return found


def _segment(name: str, text: str) -> UUID | str:
    if "\0" in text:  # no name of ours holds one, and Postgres takes none
        raise Invalid(f"path.{name}", "must not hold NUL")
    return _uuid(name, text) if name.endswith("_id") else text


def _uuid(name: str, text: str) -> UUID:
    if not re.fullmatch(UUID_TEXT, text):
        raise Invalid(f"path.{name}", "must be a UUID")
    return UUID(text)


def view_of(endpoint: Endpoint) -> Callable[..., Response]:
    """Return what Flask calls for an endpoint: inputs read and checked, the handler asked, its answer written."""

    def view(**path: str) -> Response:
        call = Call(current_request, endpoint)
        if call.claims and call.claims.role != endpoint.role:
            # Either the wrong role, or a role that changed since: the database knows, and it is asked before the body.
            with call.reading():
                pass
        try:
            answer = endpoint.handler(call, **_inputs(call, path))
        except Replayed as replayed:
            return json_response(problems.encode(replayed.answer), replayed.status)
        return answer if isinstance(answer, Response) else _answer(answer, endpoint)

    return view


def _answer(answer: BaseModel | None, endpoint: Endpoint) -> Response:
    if endpoint.page:
        return _readable(answer, endpoint.page)
    response = json_response(answer.model_dump_json() if answer is not None else "", endpoint.status)
    if endpoint.etag:
        response.add_etag()  # a digest of the body
        response.make_conditional(current_request)
    return response


def _readable(answer: BaseModel | None, page: Callable[[Any], str]) -> Response:
    """Answer JSON, or a page to who prefers one; of styles the policy lets through the page's own sheet alone."""
    assert answer is not None, "a page shows something"  # noqa: S101
    if current_request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        response = json_response(answer.model_dump_json(), 200)
    else:
        html = page(answer)
        sheet = html.partition("<style>")[2].partition("</style>")[0]
        digest = b64encode(sha256(sheet.encode()).digest()).decode()
        response = Response(html, content_type="text/html; charset=utf-8")
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
        response.headers["Content-Security-Policy"] = policy
    response.headers["Vary"] = "Accept"
    return response


def json_response(text: str, status: int) -> Response:
    return Response(text, status, content_type="application/json")
