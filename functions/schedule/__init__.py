"""What time brings: the jobs Cloud Scheduler calls, each safe to run twice at once."""

from functions.schedule import runs
from functions.web import serve
from functions.wiring import INVOICING, PROMISING, gateway_loads, gateway_needs

schedule = serve(
    "schedule",
    [runs.routes],
    requires=[
        "database_url",
        "schedule_url",
        "schedule_invoker",
        *gateway_needs(),
        *PROMISING,
        *INVOICING,
    ],
    loads=[
        "infra.postgres.engine",
        "infra.google",
        "infra.cloud_tasks",
        *gateway_loads(),
        "shared.lines.home_chef.line",
    ],
)
