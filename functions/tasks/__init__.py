"""What was promised, done: one message of the outbox at a time, called by Cloud Tasks with an identity token."""

from functions.tasks import outbox
from functions.web import serve
from functions.wiring import PROMISING, gateway_needs

tasks = serve(
    "tasks",
    [outbox.routes],
    requires=[
        "database_url",
        "resend_api_key_or_smtp_url",
        *gateway_needs(),
        *PROMISING,
    ],
    loads=["infra.postgres.engine", "infra.google", "shared.lines.home_chef.line"],
)
