"""Refusals: errors raised by business rules, each with its HTTP status (RFC 9457 problem documents)."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A business rule refused the request.

    Subclasses are defined where they are raised and set `status` and `code`. `detail` is a sentence for the user,
    `retry_after` is seconds, and `members` are added to the problem document.
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
    """The resource does not exist, or belongs to another user."""

    status, code, title = 404, "not_found", "Not found"


class Invalid(Refusal):
    """The request is well-formed, but a rule rejects the value of the named field."""

    status, code, title = 422, "invalid", "Invalid request"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", errors=[{"field": field, "message": message}])


class TooManyRequests(Refusal):
    status, code, title = 429, "too_many_requests", "Too many requests"


class DependencyDown(Refusal):
    """A dependency of this request is unavailable; a later retry may succeed."""

    status, code, title = 503, "dependency_down", "Temporarily unavailable"

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail, retry_after=retry_after)
