from datetime import timedelta

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments import placement, request
from shared.appointments.placement import Limits, TooManyBookings
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.kit.schemas import View
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import BookingRequest, BookingView, QuoteRequest, QuoteView
from shared.lines.home_chef.visit import ChefUnavailable, NoChefFree
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)
NOT_BOOKABLE = (Invalid, KeyReused, request.NotServiceable, NoChefFree, ChefUnavailable)
TOO_MUCH = (TooManyBookings, request.TooManyUnpaid, request.Overlapping, quotes.QuoteGone, quotes.QuoteNotFound)


@routes.post(
    "/quotes",
    body=QuoteRequest,
    answer=QuoteView,
    status=201,
    refuses=(*NOT_BOOKABLE, quotes.TooManyQuotes),
    idempotent=True,
)
def give_quote(call: Call, body: QuoteRequest) -> QuoteView:
    """Quote the price of a visit; the quote is valid for half an hour and one booking."""
    chosen = wiring.settings()
    limits = quotes.Limits(timedelta(seconds=chosen.quote_seconds), chosen.quotes_per_hour)
    with call.locking() as (session, caller):
        key = call.key(caller)
        quote = quotes.create(session, LINE, caller.id, body, limits, call.now, key)
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
def book(call: Call, body: BookingRequest) -> View:
    """Book a visit: the chef's time is reserved until the payment deadline."""
    chosen = wiring.settings()
    time_to_pay = timedelta(seconds=chosen.unpaid_seconds)
    limits = Limits(time_to_pay, chosen.unpaid_bookings_per_customer, chosen.bookings_per_hour)
    return placement.place(call.locking_piggybacked, LINE, body, call.key, limits, call.now)
