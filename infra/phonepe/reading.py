"""Reading JSON that PhonePe wrote: what is not of the type that was expected counts as absent."""

from typing import Any


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def paise(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value)


def text(value: Any) -> str | None:
    # What cannot be printed cannot be stored either (NUL, half a surrogate pair), and is no word of theirs.
    return value if isinstance(value, str) and value and value.isprintable() else None


def word(value: Any) -> str:
    """Return a code of theirs, a number as its digits; empty where there is none."""
    return str(value) if type(value) is int else text(value) or ""
