"""Types for email addresses and phone numbers, normalised as they are stored."""

from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

# One bare address: an @, a dot after it, and no character that could inject a mail header.
_PART = r"[^@\s\x00-\x20<>()\[\]:;,\\\x22\x7f]+"


def _normal(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _digits(value: Any) -> Any:
    return value.strip().replace(" ", "").replace("-", "") if isinstance(value, str) else value


Email = Annotated[
    str,
    BeforeValidator(_normal),
    StringConstraints(min_length=3, max_length=254, pattern=rf"^{_PART}@{_PART}\.{_PART}$"),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254, "examples": ["meera@example.com"]}),
]
Phone = Annotated[
    str,
    BeforeValidator(_digits),
    StringConstraints(pattern=r"^\+?[0-9]{10,15}$"),
    WithJsonSchema({"type": "string", "pattern": r"^\+?[0-9]{10,15}$", "examples": ["+919876543210"]}),
]
