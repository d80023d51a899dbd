from sqlalchemy.orm import Session

from functions import wiring
from functions.web import Call, Routes
from shared.bookings.lifecycle import PaymentStatus
from shared.bookings.models import Booking
from shared.kit.errors import NotFound
from shared.payments import following, queries
from shared.payments.lifecycle import LIVE, AttemptState
from shared.payments.models import Attempt
from shared.payments.schemas import SHOWN, AttemptView
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/payments", CUSTOMER)


class AttemptNotFound(NotFound):
    code = "payment_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such payment.")


@routes.get("/status/{txn}", answer=AttemptView, refuses=(AttemptNotFound,))
def status(call: Call, txn: str) -> AttemptView:
    """Tell how an attempt stands; while it is pending the gateway is asked, at most every 3 s."""
    with call.reading() as (session, caller):
        attempt, booking = _own(session, caller, txn)
    if attempt.state not in LIVE or not following.may_ask(attempt, call.now):
        return _view(attempt, booking)
    following.poll(wiring.database(), wiring.gateway_named, wiring.line, attempt.id, call.now)
    with wiring.database().reading() as session:
        return _view(*_own(session, caller, txn))


def _own(session: Session, caller: Caller, txn: str) -> tuple[Attempt, Booking]:
    found = queries.attempt_of_customer(session, caller.id, txn)
    if found is None:
        raise AttemptNotFound
    return found


def _view(attempt: Attempt, booking: Booking) -> AttemptView:
    return AttemptView(
        merchant_txn_id=attempt.merchant_txn_id,
        status=SHOWN[AttemptState(attempt.state)],
        amount=attempt.amount,
        booking_id=booking.id,
        booking_ref=booking.ref,
        payment_status=PaymentStatus(booking.payment_status),
    )
