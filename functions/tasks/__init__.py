"""What was promised, done: one message of the outbox at a time, called by Cloud Tasks with an identity token."""

from functions.serving import serve
from functions.wiring import PROMISING, gateway_needs

tasks = serve(
    "tasks",
    {
        "/outbox": ["functions.tasks.outbox"],
    },
    requires=["database_url", "resend_api_key_or_smtp_url", *gateway_needs(), *PROMISING],
    loads=["infra.postgres.engine", "infra.google.invokers"],
)
