"""Refusals of the business: what a rule says no to, with the HTTP status it means (RFC 9457 problem documents)."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A rule of the business said no.

    Subclasses are defined where they are raised and name `status` and `code`. `detail` is a sentence for a person;
    further members appear in the problem document beside it; `retry_after` is seconds.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str] = "conflict"
    title: ClassVar[str] = "Conflict"

    def __init__(self, detail: str, *, retry_after: int | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail, self.retry_after, self.members = detail, retry_after, members


class Unauthorized(Refusal):
    status, code, title = 401, "unauthorized", "Sign in first"


class Forbidden(Refusal):
    status, code, title = 403, "forbidden", "Not for this role"


class NotFound(Refusal):
    """Nothing here for this caller; also said of what belongs to somebody else."""

    status, code, title = 404, "not_found", "Not found"


class Invalid(Refusal):
    """The request is well-formed and says something a rule does not take; names the fields."""

    status, code, title = 422, "invalid", "Invalid request"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", errors=[{"field": field, "message": message}])


class TooManyRequests(Refusal):
    status, code, title = 429, "too_many_requests", "Too many requests"


class DependencyDown(Refusal):
    """Something this request needs cannot be reached right now; trying again later is right."""

    status, code, title = 503, "dependency_down", "Temporarily unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail, retry_after=retry_after)
