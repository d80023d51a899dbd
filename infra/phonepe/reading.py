"""Reads values from PhonePe's JSON; a value of an unexpected type counts as absent."""

from typing import Any


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def paise(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value)


def text(value: Any) -> str | None:
    # Unprintable text (NUL, half a surrogate pair) cannot be stored either, and PhonePe never sends any.
    return value if isinstance(value, str) and value and value.isprintable() else None


def word(value: Any) -> str:
    """Return a code of PhonePe's, a number as its digits; empty if there is none."""
    return str(value) if type(value) is int else text(value) or ""
