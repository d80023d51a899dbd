"""What was promised, done: one message of the outbox at a time, called by Cloud Tasks with an identity token."""

from functions import gateways
from functions.web.app import serve
from functions.wiring import PROMISING

ROUTES = {
    "/outbox/{message_id}": {"POST": "functions.tasks.outbox"},
}

tasks = serve(
    "tasks",
    ROUTES,
    requires=["database_url", "resend_api_key_or_smtp_url", *gateways.needs(), *PROMISING],
    loads=["infra.postgres.engine", "infra.google.invokers"],
)
