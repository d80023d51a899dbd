from uuid import UUID

from sqlalchemy.orm import Session

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.payments import admin_refund
from shared.payments.admin_refund import CancelInstead, NotRefundable, RefundCommand
from shared.payments.schemas import AdminRefundView, RefundRequest
from shared.payments.views import refund_view
from shared.sign_in.sessions import Caller
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.post(
    "/bookings/{booking_id}/refunds",
    body=RefundRequest,
    answer=AdminRefundView,
    status=201,
    refuses=(BookingNotFound, NotRefundable, CancelInstead, Invalid, KeyReused),
    idempotent=True,
)
def refund_booking(call: Call, booking_id: UUID, body: RefundRequest) -> AdminRefundView:
    """Refund part of a booking's payment; the whole payment only after the booking has ended."""
    command = RefundCommand(body.amount, body.reason, body.borne_by)

    def refund(session: Session, caller: Caller) -> AdminRefundView:
        by = call.by(caller)
        return refund_view(admin_refund.refund(session, wiring.line, booking_id, command, by, call.now))

    return idempotent(call, refund)
