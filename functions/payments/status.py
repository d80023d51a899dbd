from sqlalchemy.orm import Session

from functions import gateways, wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.errors import NotFound
from shared.payments import queries, status_polling
from shared.payments.lifecycle import LIVE
from shared.payments.schemas import SHOWN, AttemptView
from shared.sign_in.sessions import Identified
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/payments", CUSTOMER)


class AttemptNotFound(NotFound):
    code = "payment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such payment.")


@routes.get("/status/{txn}", answer=AttemptView, refuses=(AttemptNotFound,))
def status(call: Call, txn: str) -> AttemptView:
    """Show a payment attempt's status; while it is pending, the gateway is polled, at most every 3 s."""
    with call.reading_piggybacked() as (session, caller):
        found = _own(session, caller, txn)
    if found["state"] not in LIVE or not status_polling.may_poll(found["asked_at"], call.now):
        return _view(found)
    status_polling.poll_for_customer(wiring.database(), gateways.gateway_named, wiring.line, found["id"], call.now)
    with wiring.database().reading() as session:
        return _view(_own(session, caller, txn))


def _own(session: Session, caller: Identified, txn: str) -> queries.CustomersAttempt:
    found = queries.attempt_of_customer(session, caller.id, txn)
    if found is None:
        raise AttemptNotFound
    return found


def _view(found: queries.CustomersAttempt) -> AttemptView:
    return AttemptView.model_validate({**found, "status": SHOWN[found["state"]]})
