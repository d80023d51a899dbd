"""The base of every request body and view: strict types, no unknown fields, money in rupees on the wire."""

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from shared.kit import money

DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
HALF_HOUR = "^([01][0-9]|2[0-3]):(00|30)$"
MOST_RUPEES = 10**10
# A description, not `multipleOf: 0.01`: by float division, one amount in seven is no multiple (0.07, for example).
RUPEES = "Rupees, with at most two places."
# One spelling only: Python also parses braces and missing dashes, which the API document does not allow.
UUID_TEXT = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
PRINTABLE = r"^[^\x00]*$"  # Postgres stores no NUL


def Text(minimum: int, maximum: int) -> Any:  # noqa: N802 - reads as the type it makes
    """Return the type of a trimmed string of `minimum` to `maximum` characters, without NUL."""
    return Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=minimum, max_length=maximum, pattern=PRINTABLE)
    ]


def _whole(value: Any) -> Any:
    # JSON Schema treats 5.0 as an integer. The string "5" is still rejected.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _dashed(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(UUID_TEXT, value):
        raise ValueError("must be a UUID")
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("must be true or false")
        return value == "true"
    return value


def _half_hour(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(HALF_HOUR, value):
            raise ValueError("must be HH:MM on :00 or :30")
        return time.fromisoformat(value)
    return value


def _dated(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(DAY, value):
        raise ValueError("must be YYYY-MM-DD")
    return value


# Place after a number's bounds: placed before them, it makes pydantic omit the bounds from the JSON Schema.
Whole = BeforeValidator(_whole)
Id = Annotated[UUID, BeforeValidator(_dashed), WithJsonSchema({"type": "string", "format": "uuid"})]
# A boolean query parameter: pydantic also parses 1, on and Y, which the API document does not allow.
Flag = Annotated[bool, BeforeValidator(_flag)]
# Far from both ends of Python's calendar, where conversion to another time zone overflows.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
# The same in a query: lenient parsing would also accept a number of seconds.
QueryDay = Annotated[Day, BeforeValidator(_dated)]
TimeSlot = Annotated[
    time,
    BeforeValidator(_half_hour),
    PlainSerializer(lambda at: at.strftime("%H:%M"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": HALF_HOUR, "examples": ["19:00"]}),
]
# An amount is serialised as a JSON number of rupees; the division comes last and is exact to the paisa below 2^53.
Rupees = Annotated[
    int,
    PlainSerializer(lambda paise: paise / 100, return_type=float),
    WithJsonSchema({"type": "number", "description": RUPEES, "examples": [2361.56]}),
]


def _to_paise(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("must be a number of rupees")  # noqa: TRY004 - pydantic reports ValueError as a field's error
    if not 0 <= value <= MOST_RUPEES:  # also false for NaN
        raise ValueError(f"must be from 0 to {MOST_RUPEES} rupees")
    return money.paise(Decimal(str(value)))


RupeesIn = Annotated[
    int,
    BeforeValidator(_to_paise),
    WithJsonSchema({"type": "number", "description": RUPEES, "minimum": 0, "maximum": MOST_RUPEES}),
]


class Body(BaseModel):
    """A request body: documented fields only, strictly typed (an unknown field is a 422)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Query(BaseModel):
    """Query parameters: parsed leniently, because they arrive as strings; unknown parameters are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class View(BaseModel):
    """The body of a response."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)
