from uuid import UUID

from functions import wiring
from functions.acting import audited
from functions.admin.files import file_of
from functions.web import Call, Routes
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid
from shared.lines.home_chef import assignment, steps
from shared.lines.home_chef.desk.schemas import BookingChange, BookingFileView
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
    if body.cash is None:
        _move(call, booking_id, body)
        with call.reading() as (session, _):
            return file_of(session, booking_id)
    with call.writing() as (session, caller):
        cash.change(session, wiring.line, booking_id, body.cash, call.by(caller), call.now)
        session.flush()
        return file_of(session, booking_id)


def _move(call: Call, booking_id: UUID, body: BookingChange) -> None:
    """Give a booking another chef or another state, in a transaction of its own."""
    if body.status is not None:
        begin = audited(call, "booking.moved", booking_id)
        steps.by_admin(begin, booking_id, body.status, body.reason, call.now)
        return
    begin = audited(call, "booking.assigned", booking_id)
    if body.chef_id is None:
        assignment.remove(begin, booking_id, None, call.now)
    else:
        assignment.assign(begin, booking_id, body.chef_id, None, call.now)
