"""What time brings: the jobs Cloud Scheduler calls, each safe to run twice at once."""

from functions.serving import serve
from functions.wiring import INVOICING, PROMISING, gateway_needs

schedule = serve(
    "schedule",
    {
        "/jobs": ["functions.schedule.runs"],
    },
    requires=["database_url", "schedule_url", "schedule_invoker", *gateway_needs(), *PROMISING, *INVOICING],
    loads=["infra.postgres.engine", "infra.google.invokers"],
)
