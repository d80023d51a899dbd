"""The admin dashboard's numbers for hand-made rows, exact to the paisa and the second of a local day."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.appointments.providers import queries as providers
from shared.appointments.providers.queries import ProviderCounts
from shared.bookings.admin import queries as bookings
from shared.bookings.lifecycle import Status
from shared.kit.date_range import MOST_DAYS, DateRange, DateRangeQuery
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.ledger import queries as ledger
from shared.ledger.postings import Kind, Parts, captured, cash_taken, completed, owed_back, refund_decided, refund_done
from shared.ledger.queries import Turnover
from shared.users import queries as users
from shared.users.queries import Headcount
from tests.round_trips import counted

INDIA = "Asia/Kolkata"
FIRST, LAST = date(2026, 11, 17), date(2026, 11, 19)
PERIOD = DateRange(FIRST, LAST, INDIA)
BEGINS, ENDS = datetime(2026, 11, 16, 18, 30, tzinfo=UTC), datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def today(now):
    return DateRange.today(now, INDIA)


@pytest.fixture
def post(db):
    def post(kind, postings, at):
        with db.transaction() as session:
            ledger.post(session, kind, new_id(), new_id(), postings, at)

    return post


def days(query, now):
    period = DateRangeQuery.model_validate(query).date_range(now, INDIA)
    return period.first, period.last


def test_period_is_today_one_day_or_a_range(now):
    today = date(2026, 11, 20)
    assert days({}, now) == (today, today)
    assert days({}, datetime(2026, 11, 20, 18, 30, tzinfo=UTC)) == (date(2026, 11, 21), date(2026, 11, 21))
    assert days({"to": "2026-11-18"}, now) == (date(2026, 11, 18), date(2026, 11, 18))
    assert days({"from": "2026-11-17"}, now) == (FIRST, today)
    assert days({"from": "2026-11-17", "to": "2026-11-19"}, now) == (FIRST, LAST)
    assert (PERIOD.start, PERIOD.until) == (BEGINS, ENDS)


def test_reversed_or_too_long_period_is_refused(now):
    first = date(2026, 11, 20) - timedelta(days=MOST_DAYS - 1)
    assert days({"from": first.isoformat()}, now)[0] == first
    for query in (
        {"from": (first - timedelta(days=1)).isoformat()},
        {"from": "2026-11-19", "to": "2026-11-18"},
    ):
        with pytest.raises(Invalid) as refused:
            days(query, now)
        assert refused.value.members["errors"][0]["field"] == "query.from"


def test_people_are_counted_by_role(make, db):
    make.customer()
    make.customer(is_active=False)
    chef = make.chef()
    make.run("update users set created_at = :at", at=BEGINS - MICROSECOND)
    make.run("update users set created_at = :at where id = :id", at=ENDS - MICROSECOND, id=chef.id)
    with db.reading() as session:
        assert users.headcounts(session, PERIOD) == [Headcount("chef", 1, 1, 1), Headcount("customer", 2, 1, 0)]


def test_chefs_are_counted_by_status(make, db):
    make.chef()
    make.chef(is_verified=False)
    deactivated = make.chef(is_available=False)
    make.run("update users set is_active = false where id = :id", id=deactivated.id)
    with db.reading() as session:
        assert providers.counts(session) == ProviderCounts(total=3, verified=2, available=2, active=2)


@pytest.mark.breaks_invariants("bookings are given other states by a statement")
def test_bookings_are_counted_by_state_and_local_day(make, db, now, today):
    made = {
        "before": BEGINS - MICROSECOND,
        "first": BEGINS,
        "last": ENDS - MICROSECOND,
        "behind": ENDS,
        "today": now,
    }
    for number, at in enumerate(made.values()):
        booking = make.booking(booking_date=make.day(3 + number))
        make.run("update bookings set created_at = :at where id = :id", at=at, id=booking.id)
    make.run(
        """update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned',
        provider_id = null where created_at = :at""",
        at=ENDS - MICROSECOND,
    )
    with db.reading() as session:
        tally = bookings.tally(session, PERIOD, today)
    assert tally.now == Counter({Status.PENDING: 4, Status.CANCELLED: 1})
    assert tally.made == Counter({Status.PENDING: 1, Status.CANCELLED: 1})
    assert tally.by_day == Counter({FIRST: 1, date(2026, 11, 18): 0, LAST: 1, date(2026, 11, 20): 2})
    assert len(tally.by_day) == 4  # the day without rows among them


def test_money_is_summed_by_kind_for_every_day(make, db, post, now, today):
    chef = make.chef()
    noon = BEGINS + timedelta(hours=12)
    post(Kind.CAPTURED, captured(1_000_01), BEGINS - MICROSECOND)
    post(Kind.CAPTURED, captured(1_000_03), BEGINS)
    post(Kind.CASH_TAKEN, cash_taken(500_00), noon)
    post(Kind.OWED_BACK, owed_back(250_50), noon)
    post(Kind.COMPLETED, completed(Parts(provider=800_00, platform=40_01, gst=42_02), chef.id), noon)
    post(Kind.REFUND_DECIDED, refund_decided(100_10), noon)
    post(Kind.REFUND_DONE, refund_done(100_10), ENDS - MICROSECOND)
    post(Kind.CAPTURED, captured(7), ENDS)
    post(Kind.CAPTURED, captured(9_00), now)
    with db.reading() as session:
        money = ledger.turnover(session, PERIOD, today)
    assert list(money.items()) == [
        (FIRST, Turnover(1_750_53, 0, 40_01, 42_02, 800_00)),
        (date(2026, 11, 18), Turnover()),
        (LAST, Turnover(refunded=100_10)),
        (date(2026, 11, 20), Turnover(captured=9_07)),
    ]


def test_year_has_all_its_days(db, today):
    year = DateRange(date(2023, 11, 21), date(2024, 11, 20), INDIA)
    with db.reading() as session:
        money, tally = ledger.turnover(session, year, today), bookings.tally(session, year, today)
    assert len(money) == len(tally.by_day) == MOST_DAYS + 1  # and today
    assert sum(money.values(), Turnover()) == Turnover()


@pytest.mark.parametrize("visits", [0, 3])
def test_number_of_statements_is_constant(make, db, today, visits):
    for number in range(visits):
        make.booking(booking_date=make.day(3 + number))
    with counted() as seen, db.reading() as session:
        bookings.tally(session, PERIOD, today)
        ledger.turnover(session, PERIOD, today)
        users.headcounts(session, PERIOD)
        providers.counts(session)
    assert len(seen.statements) == 7
