"""Handles outbox messages, one per call by Cloud Tasks, which sends an identity token."""

from functions import gateways
from functions.web.app import serve
from functions.wiring import ENQUEUEING

ROUTES = {
    "/outbox/{message_id}": {"POST": "functions.tasks.outbox"},
}

tasks = serve(
    "tasks",
    ROUTES,
    {},
    requires=["database_url", "resend_api_key_or_smtp_url", *gateways.needs(), *ENQUEUEING],
    loads=["infra.postgres.engine", "infra.google.invokers"],
)
