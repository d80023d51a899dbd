"""Which function handles which kind of message; each takes the same one twice without doing it twice."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from shared.kit.loading import named

Handler = Callable[[dict[str, Any], datetime], None]

HANDLERS = {
    "home_chef.lapse": "functions.tasks.home_chef:lapse",
    "notifications.mail": "functions.tasks.notifications:mail",
    "payments.callback": "functions.tasks.payments:callback",
    "payments.compare": "functions.tasks.reconciliation:compare",
    "payments.follow": "functions.tasks.payments:follow",
    "payments.refund": "functions.tasks.payments:refund",
}


def handler(kind: str) -> Handler:
    return cast("Handler", named(HANDLERS[kind]))
