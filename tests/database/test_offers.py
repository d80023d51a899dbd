"""A chef accepts, starts and completes a visit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

import pytest
from sqlalchemy import text

from shared.appointments import offers, status_changes
from shared.appointments.lifecycle import ProviderAction
from shared.appointments.offers import OfferGone
from shared.appointments.status_changes import TooEarly
from shared.bookings.queries import BookingNotFound
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.ids import new_id
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import CHEF
from tests.make import run_concurrently

HOUR = timedelta(hours=1)


@pytest.fixture
def step(make, now):
    """Take a chef's step that long after the booking was made."""

    def step(booking, status, after=timedelta(0), chef_id=None, window=0, reason=None):
        begin = make.begin_as_actor(chef_id or booking.chef_id, CHEF)
        row = status_changes.by_provider(begin, LINE, booking.id, ProviderAction(status), reason, window, now + after)
        return row.booking.status, row.booking.acceptance

    return step


@pytest.fixture
def paid(make, gateway, phonepe):
    return make.paid(gateway, phonepe)[0]


def events(make):
    return [kind for (kind,) in make.rows("select kind from booking_events order by id")]


def test_accepting_unpaid_booking_gives_a_day_to_pay(make, step, now):
    booking = make.booking()
    assert step(booking, "confirmed") == ("confirmed", "accepted")
    stored = make.stored(booking.id)
    assert (stored.payment_status, stored.pay_by) == ("pending", now + 24 * HOUR)
    assert make.rows("select state, answered_at from offers") == [("accepted", now)]
    assert make.rows("select actor, actor_id, from_status, to_status from booking_events where kind = 'accepted'") == [
        ("chef", booking.chef_id, "pending", "confirmed")
    ]
    assert make.rows("select user_id, kind from notifications where kind <> 'booked'") == [
        (make.stored(booking.id).customer_id, "accepted")
    ]


@pytest.mark.parametrize(
    ("day", "at", "accepted_after", "pay_by_after"),
    [
        (date(2026, 11, 23), time(12), timedelta(minutes=20), timedelta(hours=24, minutes=20)),
        (date(2026, 11, 20), time(16, 30), timedelta(0), timedelta(hours=4)),  # 2 h before 16:30 in Mumbai
        (date(2026, 11, 20), time(12, 30), timedelta(0), timedelta(minutes=30)),
        (date(2026, 11, 20), time(13), timedelta(minutes=10), timedelta(minutes=40)),
    ],
)
def test_accepted_bookings_deadline_depends_on_its_start(make, step, now, day, at, accepted_after, pay_by_after):
    booking = make.booking(booking_date=day, time_slot=at)
    step(booking, "confirmed", accepted_after)
    assert make.stored(booking.id).pay_by == now + pay_by_after


def test_accepting_paid_visit_confirms_it(make, paid, step):
    assert make.stored(paid.id).acceptance == "awaiting"
    assert step(paid, "confirmed") == ("confirmed", "accepted")
    assert make.stored(paid.id).pay_by is None
    assert events(make)[-2:] == ["confirmed", "accepted"]


def test_early_accepting_chef_is_notified_of_payment(make, gateway, phonepe, step):
    customer = make.customer()
    booking = make.booking(customer)
    step(booking, "confirmed")
    page = make.page(gateway, customer, booking.id)
    phonepe.settle(page.merchant_txn_id, "pay")
    make.settle(gateway, page.merchant_txn_id)
    stored = make.stored(booking.id)
    assert (stored.status, stored.payment_status, stored.acceptance) == ("confirmed", "success", "accepted")
    kinds = make.rows("select kind from notifications where user_id = :id", id=booking.chef_id)
    assert kinds == [("visit_paid",)]


def test_offer_is_gone_at_expiry_before_and_after_sweep(make, paid, step):
    [(expires_at,)] = make.rows("select expires_at from offers")
    left = expires_at - make.now
    with pytest.raises(OfferGone) as refused:
        step(paid, "confirmed", left)
    assert (refused.value.status, refused.value.code) == (409, "offer_gone")
    assert step(paid, "confirmed", left - timedelta(microseconds=1)) == ("confirmed", "accepted")


@pytest.mark.breaks_invariants("a row is changed by a statement")
@pytest.mark.parametrize("state", ["lapsed", "withdrawn", "declined"])
def test_ended_offer_cannot_be_accepted(make, paid, step, state):
    make.run("update offers set state = :state", state=state)
    with pytest.raises(OfferGone):
        step(paid, "confirmed")


def test_overdue_visit_cannot_be_accepted(make, step):
    booking = make.booking()
    with pytest.raises(OfferGone):
        step(booking, "confirmed", timedelta(minutes=30))
    assert step(booking, "confirmed", timedelta(minutes=30) - timedelta(microseconds=1)) == ("confirmed", "accepted")


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_offer_expiring_during_lock_wait_is_gone(make, db, paid, step):
    """Fails when the statement that waits for the lock reads the offer: it would return the old version."""
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            session.execute(text("select 1 from bookings for no key update"))
            session.execute(text("update offers set state = 'lapsed'"))
            accepting = pool.submit(step, paid, "confirmed")
            with pytest.raises(TimeoutError):
                accepting.result(0.3)
        with pytest.raises(OfferGone):
            accepting.result(10)
    assert make.stored(paid.id).acceptance == "awaiting"


def test_paid_accepted_visit_is_started_and_completed(make, paid, step, now):
    step(paid, "confirmed")
    assert step(paid, "in_progress", 2 * HOUR) == ("in_progress", "accepted")
    assert step(paid, "completed", 4 * HOUR, reason="All eaten") == ("completed", "accepted")
    assert make.rows("select started_at, completed_at from appointments") == [(now + 2 * HOUR, now + 4 * HOUR)]
    assert events(make)[-3:] == ["accepted", "started", "completed"]
    assert make.rows("select reason from booking_events where kind = 'completed'") == [("All eaten",)]


def test_completion_posts_each_partys_earnings(make, paid, step):
    for status in ("confirmed", "in_progress", "completed"):
        step(paid, status)
    lines = paid.breakdown
    assert make.balances(paid.id) == {
        "gateway_clearing": paid.total,
        "provider_payable": -lines.subtotal,
        "platform_revenue": -lines.platform_fee,
        "gst_payable": -lines.gst,
    }
    assert make.rows("select provider_id, amount from ledger_postings where provider_id is not null") == [
        (paid.chef_id, -lines.subtotal)
    ]
    assert make.rows("select total_bookings from providers") == [(1,)]
    kinds = make.rows("select kind from notifications where user_id = :id", id=make.stored(paid.id).customer_id)
    assert ("completed",) in kinds


def test_repeated_step_changes_nothing(make, paid, step):
    for status in ("confirmed", "in_progress", "completed"):
        first = step(paid, status)
        before = events(make)
        assert step(paid, status) == first
        assert events(make) == before
    assert make.rows("select total_bookings from providers") == [(1,)]


@pytest.mark.parametrize("status", ["confirmed", "in_progress", "completed"])
def test_concurrent_steps_take_effect_once(make, paid, step, status):
    for before in ("confirmed", "in_progress", "completed"):
        if before == status:
            break
        step(paid, before)
    outcomes = run_concurrently(5, lambda: step(paid, status))
    assert set(outcomes) == {(status, "accepted")}
    assert len(events(make)) == len(set(events(make)))
    assert make.rows("select count(*) from ledger_transactions where kind = 'completed'") == [
        (1 if status == "completed" else 0,)
    ]


def test_unpaid_visit_cannot_start(make, step):
    booking = make.booking()
    step(booking, "confirmed")
    with pytest.raises(StatusChangeNotAllowed, match="paid") as refused:
        step(booking, "in_progress")
    assert refused.value.status == 409


def test_visit_cannot_start_before_acceptance(paid, step):
    with pytest.raises(StatusChangeNotAllowed, match="accepted"):
        step(paid, "in_progress")


def test_configured_visit_starts_at_most_an_hour_early(paid, step):
    step(paid, "confirmed")
    window = paid.starts_at - timedelta(minutes=60)
    ahead = window - paid.created_at
    with pytest.raises(TooEarly) as refused:
        step(paid, "in_progress", ahead - timedelta(microseconds=1), window=60)
    assert refused.value.status == 409
    assert step(paid, "in_progress", ahead, window=60) == ("in_progress", "accepted")


def test_visit_under_payment_review_cannot_start(make, paid, step):
    step(paid, "confirmed")
    make.run(
        "insert into exceptions (id, kind, subject_id, booking_id, facts) values (:id, 'chargeback', :id, :booking, '{}')",
        id=new_id(),
        booking=paid.id,
    )
    with pytest.raises(StatusChangeNotAllowed, match="manual review"):
        step(paid, "in_progress")
    make.run("update exceptions set closed_at = now()")
    assert step(paid, "in_progress") == ("in_progress", "accepted")


@pytest.mark.parametrize(
    ("steps", "target", "allowed"),
    [
        ([], "in_progress", ["cancelled", "confirmed"]),
        ([], "completed", ["cancelled", "confirmed"]),
        (["confirmed"], "completed", ["cancelled", "in_progress"]),
        ([], "cancelled", ["cancelled", "confirmed"]),
        (["confirmed", "in_progress"], "confirmed", ["completed"]),
        (["confirmed", "in_progress", "completed"], "in_progress", []),
        (["confirmed", "in_progress", "completed"], "confirmed", []),
    ],
)
def test_invalid_step_is_refused_with_both_states(make, gateway, phonepe, step, steps, target, allowed):
    booking = make.paid(gateway, phonepe)[0] if steps else make.booking()
    for status in steps:
        step(booking, status)
    before = events(make)
    with pytest.raises(StatusChangeNotAllowed) as refused:
        step(booking, target)
    current = steps[-1] if steps else "pending"
    assert refused.value.members == {"current": current, "target": target, "allowed": allowed}
    assert (refused.value.status, events(make)) == (409, before)


def test_foreign_or_missing_visit_is_not_found(make, paid, step):
    for chef_id in (make.chef().id, make.stored(paid.id).customer_id, new_id()):
        with pytest.raises(BookingNotFound):
            step(paid, "confirmed", chef_id=chef_id)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_reassigned_visit_is_not_found(make, paid, step):
    step(paid, "confirmed")
    make.run("update bookings set provider_id = :other", other=make.chef().id)
    with pytest.raises(BookingNotFound):
        step(paid, "in_progress")


@pytest.mark.parametrize(
    ("starts_in", "offered_at", "lapses_after"),
    [
        (timedelta(hours=5, minutes=59), time(10, 30), timedelta(minutes=15)),
        (timedelta(hours=6), time(10, 30), timedelta(hours=2)),
        (timedelta(days=1), time(21), timedelta(hours=12)),
        (timedelta(days=1), time(22), timedelta(hours=12)),
        (timedelta(days=1), time(3), timedelta(hours=7)),
        (timedelta(days=1), time(20), timedelta(hours=2)),
    ],
)
def test_offer_time_counts_from_eight_to_ten_local_time(now, starts_in, offered_at, lapses_after):
    local_midnight = now - timedelta(hours=10, minutes=30)
    at = local_midnight + timedelta(hours=offered_at.hour, minutes=offered_at.minute)
    assert offers.offer_ends(LINE.policy, at + starts_in, "Asia/Kolkata", at) == at + lapses_after
