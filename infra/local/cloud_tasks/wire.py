"""The API's messages: requests, task resources, and errors in Google's format."""

import base64
import binascii
import json
import re
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

AGENT: Final = "Google-Cloud-Tasks"

M = TypeVar("M", bound=BaseModel)


class Refused(Exception):
    """An error response in Google's format."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"error": {"code": code, "message": message, "status": status}}


def seconds(value: Any) -> Any:
    """Parse a protobuf duration (`60s`, `0.5s`), as JSON and Terraform write them. Raises ValueError."""
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d{1,9})?s", value):
        return float(value[:-1])
    raise ValueError("a duration is seconds followed by s")


def timestamp(at: float) -> str:
    """Return Unix seconds as a protobuf timestamp."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


HttpMethod = Literal["POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]  # numbered from 1 in the protocol


def _method(value: Any) -> Any:
    return get_args(HttpMethod)[value - 1] if isinstance(value, int) and 1 <= value <= 7 else value


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    return value


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class OidcToken(_Message):
    service_account_email: str = Field(min_length=1)
    audience: str = ""


class HttpRequest(_Message):
    url: str = Field(pattern=r"^https?://[^/]", max_length=2083)
    http_method: Annotated[HttpMethod, BeforeValidator(_method)] = "POST"
    headers: dict[str, str] = {}
    body: Annotated[str, AfterValidator(_base64)] = ""
    oidc_token: OidcToken | None = None

    @model_validator(mode="after")
    def _body_fits_method(self) -> "HttpRequest":
        if self.body and self.http_method not in {"POST", "PUT", "PATCH"}:
            raise ValueError("a body is for POST, PUT and PATCH only")
        return self


class Task(_Message):
    name: str = ""
    http_request: HttpRequest
    schedule_time: AwareDatetime | None = None
    dispatch_deadline: Annotated[float, BeforeValidator(seconds), Field(ge=15, le=1800)] = 600


class CreateTask(_Message):
    task: Task
    response_view: int | str = 1


def read(model: type[M], body: bytes) -> M:
    """Return the message parsed from a request's body. Raises Refused."""
    try:
        return model.model_validate_json(body)
    except ValidationError as invalid:
        said = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors())
        raise Refused(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {said}") from None


def task_name(queue: str, name: str) -> str:
    """Return a task's name: the requested one, or a generated one. Raises Refused for an invalid name."""
    if not name:
        return f"{queue}/tasks/{secrets.randbits(63)}"
    prefix, _, task = name.rpartition("/tasks/")
    if prefix != queue:
        message = f"The queue name from request ('{queue}') must be the same as the queue name in the named task ('{prefix}')."
        raise Refused(400, "INVALID_ARGUMENT", message)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,500}", task):
        message = (
            f'Task ID "{task}" can contain only letters ([A-Za-z]), numbers ([0-9]), hyphens (-), or underscores (_). '
            "Task ID must between 1 and 500 characters."
        )
        raise Refused(400, "INVALID_ARGUMENT", message)
    return name


def resource(row: sqlite3.Row, view: int | str) -> dict[str, Any]:
    """Return a stored task as an API resource; only the FULL view has its body."""
    full = view in {2, "2", "FULL"}
    sent = json.loads(row["request"])
    if not full:
        sent.pop("body", None)
    return {
        "name": row["name"],
        "httpRequest": {"httpMethod": "POST", **sent, "headers": {**sent.get("headers", {}), "User-Agent": AGENT}},
        "scheduleTime": timestamp(row["scheduled"]),
        "createTime": timestamp(int(row["created"])),
        "dispatchDeadline": f"{row['deadline']:g}s",
        "dispatchCount": row["attempts"],
        "responseCount": row["responses"],
        "view": "FULL" if full else "BASIC",
    }
