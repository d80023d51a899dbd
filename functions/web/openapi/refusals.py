"""The refusals of each operation in the API's document: problem documents by status and code."""

from collections.abc import Iterator, Sequence

from functions.web import problems
from functions.web.endpoint import Endpoint
from functions.web.openapi.words import Json
from shared.idempotency.queries import KeyReused
from shared.kit.errors import DependencyDown, Forbidden, Invalid, Refusal
from shared.sign_in.tokens import InvalidToken

Kind = type[Refusal]
HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


class MethodNotAllowed(Refusal):
    status, code, title = 405, "method_not_allowed", "Method Not Allowed"


class TooLarge(Refusal):
    status, code, title = 413, "request_entity_too_large", "Request Entity Too Large"


class Unexpected(Refusal):
    status, code, title = 500, "internal_error", "Internal error"


def by_status(endpoint: Endpoint, *, reads_bytes: bool = False) -> dict[int, list[Kind]]:
    """Return an endpoint's refusals by status, each code once; `reads_bytes`: it reads a body without a model."""
    found: dict[int, list[Kind]] = {}
    for kind in {kind.code: kind for kind in _kinds(endpoint, reads_bytes=reads_bytes)}.values():
        found.setdefault(kind.status, []).append(kind)
    return dict(sorted(found.items()))


def _kinds(endpoint: Endpoint, *, reads_bytes: bool) -> Iterator[Kind]:
    """Yield the declared refusals and those implied by the endpoint's other options."""
    if endpoint.roles:
        yield from (InvalidToken, Forbidden, DependencyDown)
    if endpoint.body:
        yield from (problems.MalformedJson, problems.UnsupportedMediaType)
    if endpoint.body or reads_bytes:
        yield TooLarge
    if endpoint.body or endpoint.query or "_id}" in endpoint.path:
        yield Invalid
    if endpoint.idempotent:
        yield from (Invalid, KeyReused)
    yield from (*endpoint.refuses, MethodNotAllowed, Unexpected)


def answer(kinds: Sequence[Kind]) -> Json:
    """Return the response of one status; a status with a single refusal refers to a shared component."""
    return {"$ref": f"#/components/responses/{_name(kinds[0])}"} if len(kinds) == 1 else _response(kinds)


def components(groups: Sequence[Sequence[Kind]]) -> Json:
    """Return the shared components: an example of each code, and a response of each single refusal."""
    responses = {_name(kinds[0]): _response(kinds) for kinds in groups if len(kinds) == 1}
    return {"responses": responses, "examples": {kind.code: _example(kind) for kinds in groups for kind in kinds}}


def headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _name(kind: Kind) -> str:
    return kind.code.title().replace("_", "")


def _response(kinds: Sequence[Kind]) -> Json:
    examples = {kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in kinds}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {
        "description": "\n".join(f"- `{kind.code}`: {kind.title}" for kind in kinds),
        "headers": headers("X-Request-Id", *_further_headers(kinds)),
        "content": {problems.MEDIA_TYPE: content},
    }


def _further_headers(kinds: Sequence[Kind]) -> Iterator[str]:
    if kinds[0].status in HEADERS:
        yield HEADERS[kinds[0].status]
    elif any(_sample(kind).retry_after for kind in kinds):
        yield "Retry-After"


def _example(kind: Kind) -> Json:
    refusal = _sample(kind)
    problem = {"title": kind.title, "status": kind.status, "detail": refusal.detail, "code": kind.code}
    return {"summary": kind.title, "value": {"type": "about:blank", **problem, **refusal.members}}


def _sample(kind: Kind) -> Refusal:
    """Return an instance of a refusal; if its constructor needs arguments, its title is the detail."""
    if kind is Invalid:
        return Invalid("booking_date", "must be within 60 days")
    try:
        return kind()  # type: ignore[call-arg]
    except TypeError:
        sample = kind.__new__(kind)
        Refusal.__init__(sample, f"{kind.title}.")
        return sample
