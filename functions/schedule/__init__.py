"""What time brings: the jobs Cloud Scheduler calls, each safe to run twice at once."""

from functions.schedule import runs
from functions.web import serve
from functions.wiring import INVOICING, PROMISING

schedule = serve(
    "schedule",
    [runs.routes],
    requires=[
        "database_url",
        "phonepe_merchant_id",
        "phonepe_salt_keys",
        "public_url",
        "schedule_url",
        "schedule_invoker",
        *PROMISING,
        *INVOICING,
    ],
    loads=[
        "infra.postgres.engine",
        "infra.google",
        "infra.cloud_tasks",
        "infra.phonepe.client",
        "shared.lines.home_chef.line",
    ],
)
