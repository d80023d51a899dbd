"""One request to one endpoint, with its inputs, its caller and its time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Request, Response
from pydantic import BaseModel

from functions import wiring
from functions.web import authentication, problems
from functions.web.authentication import Authenticated
from functions.web.body import body_of
from functions.web.endpoint import Endpoint
from functions.web.inputs import parse_body, parse_query, parse_segment
from functions.web.responses import json_response, render
from shared.audit.context import AuditContext
from shared.idempotency.queries import Key, Replayed, fingerprint
from shared.kit.errors import Invalid
from shared.sign_in.limits import Client
from shared.sign_in.sessions import Caller, Identified


class Call(Authenticated):
    """A request as its handler receives it. Raises InvalidToken if the endpoint has roles and no valid token was sent."""

    def __init__(self, request: Request, endpoint: Endpoint, request_id: str) -> None:
        self.request, self.endpoint, self._request_id = request, endpoint, request_id
        self.now = datetime.now(UTC)
        self.roles = endpoint.roles
        self.claims = authentication.claims(request) if endpoint.roles else None
        self._path: dict[str, UUID | str] = {}
        self._body: BaseModel | None = None

    @property
    def client(self) -> Client:
        return Client.at(self._address)

    @property
    def _address(self) -> str:
        return authentication.address(self.request, wiring.settings().trusted_proxies)

    def by(self, caller: Caller) -> AuditContext:
        """Return the audit log's context of this request: admin, client address, request id."""
        return AuditContext(caller.id, self._address, self._request_id)

    def key(self, caller: Identified) -> Key | None:
        """Return the request's Idempotency-Key with its caller, route and body; None without one. Raises Invalid."""
        given = self.request.headers.get("Idempotency-Key")
        if given is None:
            return None
        if not 1 <= len(given) <= 255 or not given.isprintable():
            raise Invalid("header.Idempotency-Key", "must be 1 to 255 printable characters")
        # The rule with the parsed ids: another spelling of a path (capitals, a slash at its end) is the same request.
        route = f"{self.endpoint.method} {self.endpoint.path.format_map(self._path)}"
        return Key(caller.id, route, given, fingerprint(self._body.model_dump(mode="json") if self._body else None))

    def raw(self) -> bytes:
        """Return the raw body. Raises RequestEntityTooLarge."""
        return body_of(self.request)

    def respond(self, path: Mapping[str, str]) -> Response:
        """Return the handler's response: the role is checked first, then the inputs, then the handler runs."""
        self._refuse_other_role_early()
        try:
            answer = self.endpoint.handler(self, **self._inputs(path))
        except Replayed as replayed:
            return json_response(problems.encode(replayed.answer), replayed.status)
        return answer if isinstance(answer, Response) else render(answer, self.endpoint, self.request)

    def _refuse_other_role_early(self) -> None:
        if self.claims and self.claims.role not in self.roles:
            # The role may have changed since the token was issued, so the database decides, before the body is parsed.
            with self.reading():
                pass

    def _inputs(self, path: Mapping[str, str]) -> dict[str, Any]:
        self._path = {name: parse_segment(name, text) for name, text in path.items()}
        body, query = self._parse_body(), self._parse_query()
        return self._path | ({"body": body} if body else {}) | ({"query": query} if query else {})

    def _parse_body(self) -> BaseModel | None:
        if self.endpoint.body is None:
            return None
        self._body = parse_body(self.endpoint.body, self.request)
        return self._body

    def _parse_query(self) -> BaseModel | None:
        return parse_query(self.endpoint.query, self.request) if self.endpoint.query else None
