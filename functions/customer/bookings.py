from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from functions import wiring
from functions.repeated import once
from functions.web import Call, Routes
from shared.bookings import queries as bookings
from shared.bookings.lifecycle import ACTIVE
from shared.bookings.schemas import EventsQuery, EventsView, EventView
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import KeyReused
from shared.invoices import page
from shared.invoices.schemas import InvoiceView, invoice_view
from shared.kit.errors import Invalid
from shared.kit.paging import PageQuery, PageView
from shared.lines.home_chef import booking, cancellation, invoicing, queries, quotes, rating, reschedule, visits
from shared.lines.home_chef.booking import Rules, TooManyBookings
from shared.lines.home_chef.offers import BookingNotFound
from shared.lines.home_chef.schemas import (
    BookingRequest,
    BookingView,
    CancellationView,
    CancelRequest,
    QuoteRequest,
    QuoteView,
    RatingRequest,
    RatingView,
    RescheduleQuery,
    RescheduleRequest,
    RescheduleView,
)
from shared.lines.home_chef.views import booking_view
from shared.payments.checkout import PaymentInProgress
from shared.sign_in.sessions import Caller
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)
NOT_BOOKABLE = (Invalid, KeyReused, visits.NotServiceable, visits.NoChefFree, visits.ChefUnavailable)
NOT_MOVABLE = (
    Invalid,
    BookingNotFound,
    PaymentInProgress,
    reschedule.NotReschedulable,
    reschedule.PriceHigher,
    visits.ChefUnavailable,
    visits.Overlapping,
)
TOO_MUCH = (TooManyBookings, visits.TooManyUnpaid, visits.Overlapping, quotes.QuoteGone, quotes.QuoteNotFound)


@routes.post(
    "/quotes",
    body=QuoteRequest,
    answer=QuoteView,
    status=201,
    refuses=(*NOT_BOOKABLE, quotes.TooManyQuotes),
    idempotent=True,
)
def give_quote(call: Call, body: QuoteRequest) -> QuoteView:
    """Price a visit and keep the price for half an hour, for one booking."""
    chosen = wiring.settings()
    rules = quotes.Rules(timedelta(seconds=chosen.quote_seconds), chosen.quotes_per_hour)
    with call.locking() as (session, caller):
        key = call.key(caller)
        quote = quotes.view(quotes.give(session, caller.id, body, rules, call.now, key))
        idempotency.store(session, key, 201, quote.model_dump(mode="json"), call.now)
        return quote


@routes.post(
    "/bookings",
    body=BookingRequest,
    answer=BookingView,
    status=201,
    refuses=(*NOT_BOOKABLE, *TOO_MUCH),
    idempotent=True,
)
def book(call: Call, body: BookingRequest) -> BookingView:
    """Book a visit: the chef's time is held while it is paid."""
    chosen = wiring.settings()
    life = timedelta(seconds=chosen.unpaid_seconds)
    rules = Rules(life, chosen.unpaid_bookings_per_customer, chosen.bookings_per_hour)
    return booking.book(call.locking_at_once, body, call.key, rules, call.now)


@routes.get("/bookings", query=PageQuery, answer=PageView[BookingView])
def list_bookings(call: Call, query: PageQuery) -> PageView[BookingView]:
    """List the customer's bookings, the newest first."""
    with call.reading_at_once() as (session, caller):
        rows, cursor = queries.list_of_customer(session, caller.id, query)
        return PageView(items=[booking_view(row) for row in rows], next_cursor=cursor)


@routes.get("/bookings/{booking_id}", answer=BookingView, etag=True, refuses=(BookingNotFound,))
def get_booking(call: Call, booking_id: UUID) -> BookingView:
    """Show one of the customer's bookings, with its refunds."""
    with call.reading_at_once() as (session, caller):
        return _own(session, caller.id, booking_id)


@routes.get("/bookings/{booking_id}/events", query=EventsQuery, answer=EventsView, refuses=(BookingNotFound,))
def list_events(call: Call, booking_id: UUID, query: EventsQuery) -> EventsView:
    """Tell what has happened to a booking since an event, for following it live without holding a connection."""
    with call.reading() as (session, caller):
        found = bookings.history(session, caller.id, booking_id, query.after, query.limit)
        if found is None:
            raise BookingNotFound
        booking, events = found
        items = [EventView.model_validate(event) for event in events]
        last = items[-1].id if items else query.after
        return EventsView(items=items, after=last, poll_after_seconds=5 if booking.status in ACTIVE else 60)


@routes.get(
    "/bookings/{booking_id}/cancellation",
    answer=CancellationView,
    refuses=(BookingNotFound, cancellation.NotCancellable),
)
def preview_cancellation(call: Call, booking_id: UUID) -> CancellationView:
    """Tell what cancelling now would give back, and until when that stands."""
    with call.writing() as (session, caller):
        return CancellationView.model_validate(cancellation.preview(session, caller.id, booking_id, call.now))


@routes.post(
    "/bookings/{booking_id}/cancel",
    body=CancelRequest,
    answer=BookingView,
    refuses=(BookingNotFound, cancellation.NotCancellable, cancellation.RefundChanged, KeyReused),
    idempotent=True,
)
def cancel_booking(call: Call, booking_id: UUID, body: CancelRequest) -> BookingView:
    """Cancel a booking and refund what the preview said, to the paisa."""

    def cancel(session: Session, caller: Caller) -> BookingView:
        cancellation.cancel(session, caller.id, booking_id, body.reason, body.expected_refund, call.now)
        session.flush()
        return _own(session, caller.id, booking_id)

    return once(call, cancel)


@routes.get("/bookings/{booking_id}/reschedule", query=RescheduleQuery, answer=RescheduleView, refuses=NOT_MOVABLE)
def preview_reschedule(call: Call, booking_id: UUID, query: RescheduleQuery) -> RescheduleView:
    """Tell what moving a booking to another time would cost."""
    with call.writing(lock=True) as (session, caller):
        return RescheduleView.model_validate(reschedule.preview(session, caller.id, booking_id, query, call.now))


@routes.post(
    "/bookings/{booking_id}/reschedule",
    body=RescheduleRequest,
    answer=BookingView,
    refuses=(*NOT_MOVABLE, reschedule.PriceChanged, KeyReused),
    idempotent=True,
)
def reschedule_booking(call: Call, booking_id: UUID, body: RescheduleRequest) -> BookingView:
    """Move a booking to another time with the same chef, who is asked anew."""
    return reschedule.reschedule(call.locking, booking_id, body, call.key, call.now)


@routes.get(
    "/bookings/{booking_id}/invoice",
    answer=InvoiceView,
    page=page.html,
    refuses=(BookingNotFound, invoicing.InvoiceNotFound),
)
def get_invoice(call: Call, booking_id: UUID) -> InvoiceView:
    """Show the invoice of a completed booking with its credit notes, as a page to print where one is asked for."""
    with call.reading() as (session, caller):
        issued = invoicing.of_customer(session, caller.id, booking_id)
        if issued is None:
            raise BookingNotFound
        if not issued:
            raise invoicing.InvoiceNotFound
        return invoice_view(issued)


@routes.post(
    "/bookings/{booking_id}/rating",
    body=RatingRequest,
    answer=RatingView,
    status=201,
    refuses=(BookingNotFound, rating.NotCompleted, rating.AlreadyRated, KeyReused),
    idempotent=True,
)
def rate_booking(call: Call, booking_id: UUID, body: RatingRequest) -> RatingView:
    """Rate a completed visit, once."""
    return once(call, lambda session, caller: rating.rate(session, caller.id, booking_id, body, call.now))


def _own(session: Session, customer_id: UUID, booking_id: UUID) -> BookingView:
    found = queries.of_customer(session, customer_id, booking_id)
    if found is None:
        raise BookingNotFound
    return booking_view(*found)
