from functions import wiring
from functions.schedule import jobs
from functions.web import authentication
from functions.web.authentication import UnknownInvoker
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit import log
from shared.kit.errors import NotFound
from shared.kit.schemas import View

routes = Routes("/jobs")
logger = log.logger(__name__)


class JobNotFound(NotFound):
    code = "job_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such job.")


class Ran(View):
    job: str
    did: dict[str, int]


@routes.post("/{job}", answer=Ran, refuses=(UnknownInvoker, JobNotFound))
def run(call: Call, job: str) -> Ran:
    """Run a job now and return counts of its work."""
    chosen = wiring.settings()
    authentication.invoked_by(call.request, chosen.schedule_url or "", chosen.schedule_invoker or "")
    if job not in jobs.JOBS:
        raise JobNotFound
    did = jobs.job(job)(call.now)
    logger.info("job ran", extra=log.fields(job=job, **did))
    return Ran(job=job, did=did)
