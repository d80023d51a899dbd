from typing import Literal
from uuid import UUID

from functions import wiring
from functions.tasks.handlers import handler
from functions.web import authentication
from functions.web.authentication import UnknownInvoker
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit import log
from shared.kit.errors import Refusal
from shared.kit.schemas import View
from shared.outbox import queries

routes = Routes("/outbox")
logger = log.logger(__name__)


class NotDone(Refusal):
    """The message was not handled, so the queue retries it. 500, because 429 and 503 slow the whole queue."""

    status, code, title = 500, "not_done", "Not done yet"


class Handled(View):
    status: Literal["done"] = "done"


@routes.post("/{message_id}", answer=Handled, refuses=(UnknownInvoker, NotDone))
def handle(call: Call, message_id: UUID) -> Handled:
    """Handle a message once: 200 if it is done already, and 500 while another worker has leased it."""
    chosen = wiring.settings()
    authentication.invoked_by(call.request, chosen.tasks_url or "", chosen.tasks_invoker or "")
    db = wiring.database()
    with db.transaction() as session:
        leased = queries.lease(session, message_id, call.now)
        if leased is None and queries.is_done(session, message_id):
            return Handled()
    if leased is None:
        raise NotDone("Another worker is handling it.")
    kind, payload = leased
    try:
        handler(kind)(payload, call.now)
    except Exception as error:
        logger.warning("message not handled", extra=log.fields(kind=kind, error=type(error).__name__), exc_info=error)
        with db.transaction() as session:
            queries.mark_failed(session, message_id, type(error).__name__)
        raise NotDone("The queue will retry it.") from error
    with db.transaction() as session:
        queries.mark_done(session, message_id, call.now)
    return Handled()
