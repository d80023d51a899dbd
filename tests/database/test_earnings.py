"""A chef's earnings by period and visit equal the ledger."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.appointments import cancellation, earnings
from shared.appointments.earnings import EarningsQuery
from shared.bookings.lifecycle import Status
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import AccountCode, Kind, Posting
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import ZONE
from tests.round_trips import counted

pytestmark = pytest.mark.breaks_invariants("postings without the bookings that would be ended by them")


def period(**bounds):
    return EarningsQuery.model_validate(bounds)


@pytest.fixture
def read_earnings(db, now):
    def read_earnings(chef_id, at=now, **bounds):
        with db.reading() as session:
            return earnings.earnings(session, chef_id, period(**bounds), ZONE, at)

    return read_earnings


@pytest.fixture
def booking(make):
    return make.booking()


def post(db, booking, kind, lines, at):
    with db.transaction() as session:
        ledger.post(session, kind, new_id(), booking.id, lines, at=at)


def earn(db, booking, paise, at, kind=Kind.COMPLETED):
    payable = Posting(AccountCode.PROVIDER_PAYABLE, -paise, booking.chef_id)
    post(db, booking, kind, [Posting(AccountCode.CUSTOMER_ADVANCE, paise), payable], at)


def test_completed_visit_is_earned_in_full(make, gateway, phonepe, now, read_earnings):
    booking, _ = make.paid(gateway, phonepe)
    assert read_earnings(booking.chef_id).model_dump(include={"total", "owed", "items"}) == {
        "total": 0,
        "owed": 0,
        "items": [],
    }
    for status in (Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED):
        make.step(booking, status, now=now)
    shown = read_earnings(booking.chef_id)
    subtotal = booking.breakdown.subtotal
    assert (shown.earned, shown.kept, shown.taken_back, shown.total, shown.owed) == (subtotal, 0, 0, subtotal, subtotal)
    [item] = shown.items
    assert (item.booking_id, item.ref, item.booking_date) == (booking.id, booking.ref, booking.booking_date)
    assert (item.kind, item.amount, item.at) == ("completed", subtotal, now)


def test_chefs_share_of_cancellation_fee_is_earned(db, make, gateway, phonepe, now, read_earnings):
    booking, _ = make.paid(gateway, phonepe)
    make.step(booking, "confirmed", now=now)
    late = booking.starts_at - timedelta(hours=6)
    with db.transaction() as session:
        customer = make.stored(booking.id).customer_id
        cancellation.cancel(session, LINE, customer, booking.id, "plans", None, late)
    shown = read_earnings(booking.chef_id, late)
    assert shown.kept == -make.balances(booking.id)["provider_payable"] > 0
    assert (shown.earned, shown.total, shown.items[0].kind) == (0, shown.kept, "kept_on_cancellation")


def test_reversal_reduces_earnings_and_may_leave_debt(db, booking, now, read_earnings):
    earn(db, booking, 100_00, now)
    back = [
        Posting(AccountCode.PROVIDER_PAYABLE, 130_00, booking.chef_id),
        Posting(AccountCode.REFUNDS_PAYABLE, -130_00),
    ]
    post(db, booking, Kind.REFUND_DECIDED, back, now)
    shown = read_earnings(booking.chef_id)
    assert (shown.earned, shown.taken_back, shown.total, shown.owed) == (100_00, 130_00, -30_00, -30_00)
    assert sorted(item.amount for item in shown.items) == [-130_00, 100_00]
    assert '"total":-30.0' in shown.model_dump_json()


def test_period_is_local_days_balance_is_all_time(db, booking, read_earnings):
    midnight = datetime(2026, 10, 31, 18, 30, tzinfo=UTC)  # 1 November in Mumbai
    for paise, at in ((1, midnight - timedelta(microseconds=1)), (20, midnight), (300, midnight + timedelta(days=1))):
        earn(db, booking, paise, at)
    shown = read_earnings(booking.chef_id)
    assert (shown.first_day, shown.last_day) == (date(2026, 11, 1), date(2026, 11, 20))
    assert (shown.total, shown.owed) == (320, 321)
    day = {"from": "2026-11-01", "to": "2026-11-01"}
    assert [item.amount for item in read_earnings(booking.chef_id, **day).items] == [20]
    assert read_earnings(booking.chef_id, to="2026-10-31").total == 1


@pytest.mark.parametrize(
    ("bounds", "first", "last"),
    [
        ({}, date(2026, 11, 1), date(2026, 11, 20)),
        ({"from": "2026-03-05"}, date(2026, 3, 5), date(2026, 11, 20)),
        ({"from": "2026-12-24"}, date(2026, 12, 24), date(2026, 12, 24)),
        ({"to": "2026-02-10"}, date(2026, 2, 1), date(2026, 2, 10)),
        ({"from": "2025-11-20", "to": "2026-11-20"}, date(2025, 11, 20), date(2026, 11, 20)),
    ],
)
def test_period_defaults_are_filled_in(make, read_earnings, bounds, first, last):
    shown = read_earnings(make.chef().id, **bounds)
    assert (shown.first_day, shown.last_day) == (first, last)


@pytest.mark.parametrize("bounds", [{"from": "2026-11-02", "to": "2026-11-01"}, {"from": "2025-11-19"}])
def test_reversed_or_too_long_period_is_refused(make, read_earnings, bounds):
    with pytest.raises(Invalid) as refused:
        read_earnings(make.chef().id, **bounds)
    assert refused.value.members["errors"][0]["field"] == "query.from"


def test_pages_list_each_posting_once(db, booking, now, read_earnings):
    for paise in range(1, 8):
        earn(db, booking, paise, now)
    seen, cursor = [], None
    while True:
        page = read_earnings(booking.chef_id, limit=3, cursor=cursor)
        seen += [item.amount for item in page.items]
        assert page.total == 28
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == list(range(1, 8))


def test_chef_sees_only_own_earnings(db, make, booking, now, read_earnings):
    earn(db, booking, 100_00, now)
    post(db, booking, Kind.CAPTURED, postings.captured(500_00), now)
    assert read_earnings(make.chef().id).model_dump(include={"total", "owed", "items"}) == {
        "total": 0,
        "owed": 0,
        "items": [],
    }
    assert read_earnings(booking.chef_id).owed == 100_00


@pytest.mark.parametrize("count", [1, 20])
def test_earnings_cost_two_statements(db, booking, now, read_earnings, count):
    for _ in range(count):
        earn(db, booking, 1, now)
    with counted() as seen:
        assert len(read_earnings(booking.chef_id).items) == count
    assert len(seen.statements) == 2  # and the authentication query
