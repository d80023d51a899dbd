"""The handler of each kind of outbox message; handlers are idempotent."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, cast

from functions import wiring
from shared.kit.lazy_import import load_object

Handler = Callable[[dict[str, Any], datetime], None]

HANDLERS = {
    "notifications.mail": "functions.tasks.notifications:mail",
    "payments.callback": "functions.tasks.payments:callback",
    "payments.compare": "functions.tasks.reconciliation:compare",
    "payments.poll": "functions.tasks.payments:poll",
    "payments.refund": "functions.tasks.payments:refund",
}


def handler(kind: str) -> Handler:
    """Return the handler of a kind: the core's, or the line's for `<line>.<verb>`. Raises KeyError for an unknown kind."""
    if kind in HANDLERS:
        return cast("Handler", load_object(HANDLERS[kind]))
    name, _, verb = kind.partition(".")
    line = wiring.line(name)
    return partial(load_object(line.task_handlers[verb]), wiring.database(), line)
