"""What was promised, done: one message of the outbox at a time, called by Cloud Tasks with an identity token."""

from functions.tasks import outbox
from functions.web import serve
from functions.wiring import PROMISING

tasks = serve(
    "tasks",
    [outbox.routes],
    requires=[
        "database_url",
        "phonepe_merchant_id",
        "phonepe_salt_keys",
        "public_url",
        "resend_api_key_or_smtp_url",
        *PROMISING,
    ],
    loads=["infra.postgres.engine", "infra.google", "shared.lines.home_chef.line"],
)
