"""The words both audiences share: when, where, for whom."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from shared.kit.clock import local
from shared.kit.letter import Letter

Facts = dict[str, Any]
Write = Callable[[Facts, str | None], Letter]


def hello(name: str | None) -> str:
    return f"Hello {name}," if name else "Hello,"


def when(day: str, time: str) -> str:
    """Return a local day (ISO) and time of day as a person says them."""
    on = date.fromisoformat(day)
    return f"{on:%A}, {on.day} {on:%B %Y} at {time}"


def starts(facts: Facts) -> str:
    return when(facts["day"], facts["time"])


def was(facts: Facts) -> str:
    """Return when a visit was that has moved since."""
    return when(facts["from_day"], facts["from_time"])


def until(facts: Facts, name: str) -> str:
    """Return an instant among the facts as the clock at the visit's place shows it."""
    at = local(datetime.fromisoformat(facts[name]), facts["zone"])
    return f"{at:%A}, {at.day} {at:%B} at {at:%H:%M}"


def who(facts: Facts) -> str:
    return facts["chef"] or "Your chef"


def rows(facts: Facts) -> list[tuple[str, str]]:
    return [
        ("Booking", facts["ref"]),
        ("When", starts(facts)),
        ("For", f"{facts['guests']} {'guest' if facts['guests'] == 1 else 'guests'}, {facts['hours']} h"),
        ("Where", facts["city"]),
    ]


def by_name(*letters: Write) -> dict[str, Write]:
    """Return letters by the kind they are for, which is their name."""
    return {letter.__name__: letter for letter in letters}
