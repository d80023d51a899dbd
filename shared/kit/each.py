"""The independent parts of a job: one part's failure does not stop the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.kit import log
from shared.kit.errors import DependencyDown

Done = TypeVar("Done")
logger = log.logger(__name__)


def run_each(names: Iterable[str], work: Callable[[str], Done]) -> dict[str, Done]:
    """Return the result of each named part.

    A failure is logged and the other parts run; all failures are raised at the end as one ExceptionGroup. DependencyDown
    is raised at once, because the other parts need the same dependency.
    """
    done: dict[str, Done] = {}
    failures: list[Exception] = []
    for name in names:
        try:
            done[name] = work(name)
        except DependencyDown:
            raise
        except Exception as error:
            logger.exception("part of a job failed", extra=log.fields(part=name))
            failures.append(error)
    if failures:
        raise ExceptionGroup("parts of a job failed", failures)
    return done
