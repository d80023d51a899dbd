"""Scheduled jobs about bookings."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

from functions import wiring
from shared.bookings import expiry
from shared.bookings.line import Line
from shared.kit import log
from shared.kit.errors import DependencyDown

logger = log.logger(__name__)


def expire(now: datetime) -> dict[str, int]:
    """Cancel bookings that were not paid by their deadline."""
    return expiry.expire(wiring.database(), wiring.line, now)


def deadlines(now: datetime) -> dict[str, int]:
    """Enforce each line's deadlines of offers, starts and completions."""
    found = _of_each_line(lambda line: line.enforce_deadlines(wiring.database(), now))
    return {f"{name}.{rule}": count for name, counts in found.items() for rule, count in counts.items()}


def remind(now: datetime) -> dict[str, int]:
    """Send the reminders of each line."""
    done = Counter[str]()
    for counts in _of_each_line(lambda line: line.remind(wiring.database(), now)).values():
        done.update(counts)
    return dict(done)


def _of_each_line(work: Callable[[Line], dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return each line's counts. One line's failure does not stop the others; raises all failures at the end."""
    done, failures = {}, []
    for name in wiring.line_names():
        try:
            done[name] = work(wiring.line(name))
        except DependencyDown:  # the other lines need the same database
            raise
        except Exception as error:
            logger.exception("a line's job failed", extra=log.fields(line=name))
            failures.append(error)
    if failures:
        raise ExceptionGroup("jobs of lines failed", failures)
    return done
