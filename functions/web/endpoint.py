"""Endpoints: a handler declares its method, path, roles, schemas and refusals; the rest follows from the declaration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, TypeVar, Unpack

from pydantic import BaseModel

from shared.kit.errors import Refusal

Handler = TypeVar("Handler", bound=Callable[..., Any])
Role = str | Sequence[str] | None


class Options(TypedDict, total=False):
    """The options of an endpoint beside its method and path; Endpoint documents them and sets their defaults."""

    role: Role
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: Any
    status: int
    refuses: tuple[type[Refusal], ...]
    idempotent: bool
    etag: bool
    page: Callable[[Any], str] | None


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API: requests are checked against it, and the OpenAPI document is generated from it.

    `role` names one or several roles; None means no authentication. With `etag`, a client that has the current
    response gets a 304. `page` renders the response for clients that prefer HTML. An endpoint that is not `documented`
    serves browsers or the platform and is not in the OpenAPI document.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    documented: bool = True
    role: Role = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: Any = None
    status: int = 200
    refuses: tuple[type[Refusal], ...] = ()
    idempotent: bool = False
    etag: bool = False
    page: Callable[[Any], str] | None = None

    @cached_property
    def roles(self) -> tuple[str, ...]:
        return (self.role,) if isinstance(self.role, str) else tuple(self.role or ())


class Routes:
    """The endpoints of one module under one prefix; `role` applies to each endpoint that declares none."""

    def __init__(self, prefix: str, role: Role = None, *, documented: bool = True) -> None:
        self.prefix, self.role, self.documented = prefix, role, documented
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, **options: Unpack[Options]) -> Callable[[Handler], Handler]:
        return self._add("GET", path, options)

    def post(self, path: str, **options: Unpack[Options]) -> Callable[[Handler], Handler]:
        return self._add("POST", path, options)

    def put(self, path: str, **options: Unpack[Options]) -> Callable[[Handler], Handler]:
        return self._add("PUT", path, options)

    def patch(self, path: str, **options: Unpack[Options]) -> Callable[[Handler], Handler]:
        return self._add("PATCH", path, options)

    def delete(self, path: str, **options: Unpack[Options]) -> Callable[[Handler], Handler]:
        return self._add("DELETE", path, Options(status=204) | options)

    def find(self, method: str, path: str) -> Endpoint:
        """Return the endpoint of this method and pattern. Raises StopIteration if the module declares none."""
        return next(each for each in self.endpoints if (each.method, each.path) == (method, path))

    def _add(self, method: str, path: str, options: Options) -> Callable[[Handler], Handler]:
        declared = Options(role=self.role) | options

        def register(handler: Handler) -> Handler:
            self.endpoints.append(Endpoint(method, self.prefix + path, handler, self.documented, **declared))
            return handler

        return register
