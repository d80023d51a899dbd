from uuid import UUID

from functions import wiring
from functions.admin.booking_detail import booking_detail
from functions.web.actor import with_audit
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid
from shared.lines.home_chef import assignment, steps
from shared.lines.home_chef.desk.schemas import (
    BookingCashChange,
    BookingChange,
    BookingChefChange,
    BookingFileView,
    BookingStatusChange,
)
from shared.lines.home_chef.offers import StepNotAllowed
from shared.lines.home_chef.visits import ChefUnavailable
from shared.payments import cash
from shared.payments.checkout import NotPayable
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.put(
    "/bookings/{booking_id}",
    body=BookingChange,
    answer=BookingFileView,
    refuses=(BookingNotFound, NotPayable, StepNotAllowed, ChefUnavailable, Invalid),
)
def change_booking(call: Call, booking_id: UUID, body: BookingChange) -> BookingFileView:
    """Change one thing: who cooks, the state, or that it is (or was) paid in cash."""
    match body.root:
        case BookingCashChange() as change:
            with call.writing() as (session, caller):
                cash.change(session, wiring.line, booking_id, change.cash, call.by(caller), call.now)
        case BookingStatusChange() as change:
            begin = with_audit(call, "booking.moved", booking_id)
            steps.by_admin(begin, booking_id, change.status, change.reason, call.now)
        case BookingChefChange() as change:
            _assign(call, booking_id, change.chef_id)
    with call.reading() as (session, _):
        return booking_detail(session, booking_id)


def _assign(call: Call, booking_id: UUID, chef_id: UUID | None) -> None:
    begin = with_audit(call, "booking.assigned", booking_id)
    if chef_id is None:
        assignment.remove(begin, booking_id, None, call.now)
    else:
        assignment.assign(begin, booking_id, chef_id, None, call.now)
