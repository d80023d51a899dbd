from datetime import timedelta

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.lines.home_chef import booking, quotes, visits
from shared.lines.home_chef.booking import Rules, TooManyBookings
from shared.lines.home_chef.schemas import BookingRequest, BookingView, QuoteRequest, QuoteView
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)
NOT_BOOKABLE = (Invalid, KeyReused, visits.NotServiceable, visits.NoChefFree, visits.ChefUnavailable)
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
    return booking.book(call.locking_piggybacked, body, call.key, rules, call.now)
