"""What time does to bookings."""

from collections import Counter
from datetime import datetime

from functions import wiring
from shared.bookings import expiry


def expire(now: datetime) -> dict[str, int]:
    """Cancel what was not paid in time."""
    return expiry.expire(wiring.database(), wiring.line, now)


def deadlines(now: datetime) -> dict[str, int]:
    """Let each line do what time asks for: offers lapse, nobody comes, nothing starts, nobody says that it is over."""
    done: dict[str, int] = {}
    for name in wiring.LINES:
        done |= {
            f"{name}.{rule}": met for rule, met in wiring.line(name).keep_deadlines(wiring.database(), now).items()
        }
    return done


def remind(now: datetime) -> dict[str, int]:
    """Tell people of what begins soon, line by line."""
    done = Counter[str]()
    for name in wiring.LINES:
        done.update(wiring.line(name).remind(wiring.database(), now))
    return dict(done)
