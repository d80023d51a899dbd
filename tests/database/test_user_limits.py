"""A customer's hourly limits on bookings, quotes and payment attempts; repetitions do not count."""

from datetime import time, timedelta

import pytest

from shared.appointments import cancellation, placement
from shared.appointments.placement import Limits, TooManyBookings
from shared.idempotency.queries import Key, Replayed
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.quotes import TooManyQuotes
from shared.lines.home_chef.schemas import QuoteRequest
from shared.payments.checkout import Checkout, TooManyPayments, Windows
from tests.make import RULES, run_concurrently

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
BOOKINGS = Limits(RULES.time_to_pay, 99, 3)
QUOTES = quotes.Limits(timedelta(minutes=30), 3)


@pytest.fixture
def meera(make):
    make.chef()
    return make.customer()


@pytest.fixture
def book(make):
    def book(customer, day, at, key=None):
        key_of = lambda caller: key and Key(caller.id, "POST /bookings", key, "same")  # noqa: E731
        return placement.place(
            make.begin(customer), LINE, make.request(customer, booking_date=make.day(day)), key_of, BOOKINGS, at
        )

    return book


@pytest.fixture
def quote(make):
    def quote(customer, at):
        request = QuoteRequest(**make.request(customer).model_dump(exclude={"quote_id"}))
        with make.begin(customer)() as (session, caller):
            return quotes.create(session, LINE, caller.id, request, QUOTES, at, None)

    return quote


def test_booking_above_limit_waits_for_first_to_age_out(make, meera, book, now):
    for nth in range(3):
        book(meera, 3 + nth, now + nth * MINUTE)
    with pytest.raises(TooManyBookings) as refused:
        book(meera, 9, now + 10 * MINUTE)
    assert refused.value.retry_after == 50 * 60
    with pytest.raises(TooManyBookings) as refused:
        book(meera, 9, now + HOUR - timedelta(milliseconds=1))
    assert refused.value.retry_after == 1
    assert book(meera, 9, now + HOUR)
    assert book(make.customer(), 10, now)


def test_cancelling_does_not_restore_limit(db, meera, book, now):
    for nth in range(3):
        made = book(meera, 3 + nth, now)
        with db.transaction() as session:
            cancellation.cancel(session, LINE, meera.id, made.id, "plans", None, now)
    with pytest.raises(TooManyBookings):
        book(meera, 9, now)


def test_repeated_request_is_never_limited(meera, book, now):
    first = book(meera, 3, now, key="once")
    for nth in range(2):
        book(meera, 4 + nth, now)
    with pytest.raises(Replayed) as again:
        book(meera, 3, now, key="once")
    assert again.value.answer["id"] == str(first.id)


def test_concurrent_requests_cannot_exceed_limit(make, meera, book, now):
    days = iter(range(3, 11))
    outcomes = run_concurrently(8, lambda: book(meera, next(days), now))
    assert sum(isinstance(outcome, TooManyBookings) for outcome in outcomes) == 5
    assert make.rows("select count(*) from bookings") == [(3,)]


def test_quotes_have_their_own_limit(meera, quote, book, now):
    book(meera, 5, now - MINUTE)
    for _ in range(3):
        quote(meera, now)
    with pytest.raises(TooManyQuotes) as refused:
        quote(meera, now + 59 * MINUTE)
    assert refused.value.retry_after == 60
    assert quote(meera, now + HOUR)


def pay(make, gateway, customer, booking_id, at, key=None):
    checkout = make.checkout(gateway)
    few = Windows(checkout.windows.reuse, checkout.windows.extension, 2)
    limited = Checkout(checkout.db, gateway, checkout.gateways, checkout.lines, few, checkout.return_url)
    key_of = lambda caller: key and Key(caller.id, "POST /payments/initiate", key, "same")  # noqa: E731
    return limited.start(make.begin(customer), booking_id, key_of, at)


def test_payment_limit_ignores_repeated_pages(make, gateway, phonepe, meera, now):
    one, two, three = (make.booking(meera, booking_date=make.day(day)) for day in (3, 4, 5))
    first = pay(make, gateway, meera, one.id, now, key="once")
    assert pay(make, gateway, meera, one.id, now + MINUTE) == first
    phonepe.settle(first.merchant_txn_id, "decline")
    make.settle(gateway, first.merchant_txn_id, now + MINUTE)
    second = pay(make, gateway, meera, two.id, now + MINUTE)
    with pytest.raises(TooManyPayments) as refused:
        pay(make, gateway, meera, three.id, now + 2 * MINUTE)
    assert refused.value.retry_after == 58 * 60
    assert pay(make, gateway, meera, one.id, now + 2 * MINUTE, key="once") == first
    assert pay(make, gateway, meera, two.id, now + 2 * MINUTE) == second
    other = make.customer()
    assert pay(make, gateway, other, make.booking(other, time_slot=time(15)).id, now)


def test_unanswered_starts_count_too(make, gateway, meera, now):
    """Fails when only attempts with a page count: a failing gateway would be called without end."""
    made = make.booking(meera)
    make.run(
        "insert into payment_attempts (id, payment_id, booking_id, gateway, merchant_txn_id, amount, state, started_at, code)"
        " select gen_random_uuid(), id, booking_id, 'phonepe', 'SZ_' || n, amount, 'failed', cast(:now as timestamptz), 'no_page'"
        " from payments, generate_series(1, 2) n",
        now=now,
    )
    with pytest.raises(TooManyPayments):
        pay(make, gateway, meera, made.id, now)
