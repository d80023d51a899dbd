"""A quote: its price is guaranteed for half an hour and used by one booking."""

from datetime import time, timedelta

import pytest

from shared.appointments import placement
from shared.appointments.request import NotServiceable
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.quotes import QuoteGone, QuoteNotFound
from shared.lines.home_chef.schemas import BookingRequest, QuoteRequest
from shared.lines.home_chef.visit import ChefUnavailable, NoChefFree
from tests.make import QUOTES, RULES, run_concurrently


@pytest.fixture
def quote_for(make, now):
    def quote_for(customer, **wanted):
        request = QuoteRequest(**make.request(customer, **wanted).model_dump(exclude={"quote_id"}))
        with make.begin(customer)() as (session, caller):
            return quotes.create(session, LINE, caller.id, request, QUOTES, now, None)

    return quote_for


@pytest.fixture
def use(make, now):
    def use(customer, quote_id, at=now):
        return placement.place(make.begin(customer), LINE, BookingRequest(quote_id=quote_id), lambda _: None, RULES, at)

    return use


def test_quoted_price_is_booked_and_charged(make, quote_for, use):
    make.chef()
    customer = make.customer()
    quote = quote_for(customer, guest_count=8, duration_hours=3, time_slot=time(19), special_requests="No onions")
    booked = use(customer, quote.id)
    assert quote.total == booked.total == 2_361_56
    assert quote.breakdown == booked.breakdown
    assert (booked.guest_count, booked.duration_hours, booked.time_slot) == (8, 3, time(19))
    assert booked.special_requests == "No onions"
    assert make.rows("select amount from payments") == [(2_361_56,)]


def test_quoted_price_holds_for_any_chef_and_rate(make, quote_for, use):
    cheap, dear = make.chef(300_00), make.chef(900_00)
    customer = make.customer()
    quote = quote_for(customer)
    make.booking(chef_id=cheap.id)
    booked = use(customer, quote.id)
    assert (booked.chef_id, booked.total, booked.breakdown.base) == (dear.id, quote.total, 600_00)
    assert make.rows(
        "select (details ->> 'rate')::bigint, earning from appointments where booking_id = :id", id=booked.id
    ) == [(300_00, 600_00)]


def test_quoted_price_survives_rate_and_tariff_changes(make, quote_for, use, now):
    make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    make.run("update providers set rate = 450000")
    make.run(
        """insert into home_chef_tariffs (valid_from, rates, cancellation)
      select :at, rates || '{"platform_fee_bp": 5000}', cancellation from home_chef_tariffs""",
        at=now,
    )
    assert use(customer, quote.id).total == quote.total == 879_80


def test_quote_for_named_chef_books_that_chef(make, quote_for, use):
    make.chef(100_00)
    named = make.chef(500_00)
    customer = make.customer()
    assert use(customer, quote_for(customer, chef_id=named.id).id).chef_id == named.id


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_used_quote_is_gone_and_names_its_booking(make, quote_for, use):
    make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    first = use(customer, quote.id)
    make.run("update bookings set status = 'confirmed', payment_status = 'success'")
    with pytest.raises(QuoteGone) as refused:
        use(customer, quote.id)
    assert refused.value.status == 409
    assert make.rows("select booking_id from home_chef_quotes") == [(first.id,)]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_used_quote_stays_used_after_cancellation(make, quote_for, use):
    make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    use(customer, quote.id)
    make.run("""update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned',
      provider_id = null""")
    with pytest.raises(QuoteGone):
        use(customer, quote.id)


def test_concurrent_uses_of_quote_make_one_booking(make, quote_for, use):
    for _ in range(3):
        make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    outcomes = run_concurrently(6, lambda: use(customer, quote.id))
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert make.rows("select count(*) from bookings") == [(1,)]


def test_quote_expires_exactly_after_half_an_hour(make, quote_for, use, now):
    make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    with pytest.raises(QuoteGone):
        use(customer, quote.id, now + QUOTES.valid_for)
    assert use(customer, quote.id, now + QUOTES.valid_for - timedelta(microseconds=1))


def test_refused_booking_leaves_quote_usable(make, quote_for, use):
    chef = make.chef()
    customer = make.customer()
    quote = quote_for(customer)
    make.run("update providers set is_available = false")
    with pytest.raises(NoChefFree):
        use(customer, quote.id)
    make.run("update providers set is_available = true")
    assert use(customer, quote.id).chef_id == chef.id


def test_foreign_or_unknown_quote_is_not_found(make, quote_for, use):
    make.chef()
    quote = quote_for(make.customer())
    for quote_id in (quote.id, new_id()):
        with pytest.raises(QuoteNotFound):
            use(make.customer(), quote_id)


def test_unbookable_request_gets_no_quote(make, quote_for):
    chef = make.chef()
    customer = make.customer()
    with pytest.raises(Invalid, match="time_slot"):
        quote_for(customer, booking_date=make.day(0), time_slot=time(12))
    with pytest.raises(NoChefFree):
        quote_for(customer, time_slot=time(23))
    with pytest.raises(ChefUnavailable):
        quote_for(customer, time_slot=time(23), chef_id=chef.id)
    make.run("update locations set is_serviceable = false")
    with pytest.raises(NotServiceable):
        quote_for(customer)
    assert make.rows("select count(*) from home_chef_quotes") == [(0,)]


def test_quote_reserves_no_time_and_is_no_booking(make, quote_for):
    make.chef()
    customer = make.customer()
    for _ in range(5):
        quote_for(customer)
    assert make.booking(customer)


def test_quote_too_close_to_start_is_refused(make, quote_for, use, now):
    make.chef(week=[(day, 0, 1440) for day in range(7)])
    customer = make.customer()
    quote = quote_for(customer, booking_date=now.date(), time_slot=time(12, 30))
    with pytest.raises(Invalid, match="time_slot"):
        use(customer, quote.id, now + timedelta(minutes=1))
