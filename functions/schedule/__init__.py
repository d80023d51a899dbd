"""The jobs that Cloud Scheduler calls; two runs of a job at the same time are safe."""

from functions import gateways
from functions.web.app import serve
from functions.wiring import ENQUEUEING, INVOICING

ROUTES = {
    "/jobs/{job}": {"POST": "functions.schedule.runs"},
}

schedule = serve(
    "schedule",
    ROUTES,
    {},
    requires=["database_url", "schedule_url", "schedule_invoker", *gateways.needs(), *ENQUEUEING, *INVOICING],
    loads=["infra.postgres.engine", "infra.google.invokers"],
)
