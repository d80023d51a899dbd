from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings import queries as bookings
from shared.bookings.lifecycle import ACTIVE
from shared.bookings.queries import BookingNotFound
from shared.bookings.schemas import EventsQuery, EventsView, EventView
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/bookings/{booking_id}/events", query=EventsQuery, answer=EventsView, refuses=(BookingNotFound,))
def list_events(call: Call, booking_id: UUID, query: EventsQuery) -> EventsView:
    """List a booking's events after a given one, for live updates by polling."""
    with call.reading() as (session, caller):
        found = bookings.history(session, caller.id, booking_id, query.after, query.limit)
        if found is None:
            raise BookingNotFound
        booking, events = found
        items = [EventView.model_validate(event) for event in events]
        last = items[-1].id if items else query.after
        return EventsView(items=items, after=last, poll_after_seconds=5 if booking.status in ACTIVE else 60)
