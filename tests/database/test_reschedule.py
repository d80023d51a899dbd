"""Rescheduling a visit: time, price and cancellation terms follow, and the chef gets a new offer."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import time, timedelta

import pytest
from sqlalchemy import text

from shared.appointments import cancellation
from shared.appointments.request import Overlapping
from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.idempotency.queries import Key, Replayed, fingerprint
from shared.kit.errors import Invalid
from shared.ledger.postings import AccountCode
from shared.lines.home_chef import reschedule
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.reschedule import PriceChanged
from shared.lines.home_chef.reschedule_decision import NotReschedulable, PriceHigher
from shared.lines.home_chef.schemas import RescheduleQuery, RescheduleRequest
from shared.lines.home_chef.visit import ChefUnavailable
from shared.payments.checkout import PaymentInProgress
from tests.make import LOCK, begin_as, run_concurrently
from tests.round_trips import counted

NOON, PEAK = time(12), time(19)


@pytest.fixture
def customer(make):
    make.chef()
    return make.customer()


@pytest.fixture
def move(db, make, customer, now):
    """Reschedule a visit as its customer, by default to noon in five days."""

    def move(booking, person=customer, at=now, key=None, **overrides):
        wanted = RescheduleRequest(**{"booking_date": make.day(5), "time_slot": NOON, **overrides})
        return reschedule.reschedule(begin_as(db, person), booking.id, wanted, lambda _: key, at)

    return move


@pytest.fixture
def preview(db, make, customer, now):
    def preview(booking, slot, day=5):
        with db.reading() as session:
            wanted = RescheduleQuery(booking_date=make.day(day), time_slot=slot)
            return reschedule.preview(session, customer.id, booking.id, wanted, now)

    return preview


@pytest.fixture
def step(make, now):
    def step(booking, status, at=now):
        make.step(booking, status, now=at)

    return step


@pytest.fixture
def accepted(make, gateway, phonepe, customer, step):
    """Return a paid and accepted visit in the evening, three days ahead."""

    def accepted(**overrides):
        booking, _ = make.paid(gateway, phonepe, customer, **{"time_slot": PEAK, **overrides})
        step(booking, Status.CONFIRMED)
        return booking

    return accepted


def terms(make, booking):
    [row] = make.rows(
        "select rescheduled, refund_cap_bp, earning from appointments where booking_id = :id", id=booking.id
    )
    return row


def offer(make, booking):
    [row] = make.rows("select state, expires_at from offers where booking_id = :id", id=booking.id)
    return row


def test_unpaid_visit_moves_with_price_and_slot(make, customer, move):
    booking = make.booking(customer)
    moved = move(booking, time_slot=PEAK)

    assert (moved.booking_date, moved.time_slot) == (make.day(5), PEAK)
    assert moved.ends_at - moved.starts_at == timedelta(hours=2)
    assert moved.breakdown.peak_premium == 159_60
    assert (moved.total, moved.status, moved.payment_status, moved.acceptance) == (
        moved.breakdown.total,
        "pending",
        "pending",
        "awaiting",
    )
    assert make.rows("select amount from payments") == [(moved.total,)]
    assert terms(make, booking) == (1, 10_000, moved.breakdown.subtotal)
    assert (make.stored(booking.id).pay_by, offer(make, booking)) == (booking.pay_by, ("open", None))
    held = make.stored(booking.id).busy_period
    assert (held.lower, held.upper) == (moved.starts_at, moved.ends_at + timedelta(minutes=30))
    assert make.booking(make.customer()).chef_id == booking.chef_id
    [(kind, facts)] = make.rows(
        "select kind, facts from booking_events where booking_id = :id order by id desc limit 1", id=booking.id
    )
    assert (kind, facts["from"], facts["to"]) == (
        "rescheduled",
        booking.starts_at.isoformat(),
        moved.starts_at.isoformat(),
    )


def test_preview_equals_result(make, customer, move, preview):
    booking = make.booking(customer)
    shown = preview(booking, PEAK)
    assert (shown.difference, shown.refund) == (shown.total - booking.total, 0)
    assert make.stored(booking.id).total == booking.total
    with pytest.raises(PriceChanged) as refused:
        move(booking, time_slot=PEAK, expected_total=booking.total / 100)
    assert refused.value.members == {"total": shown.total / 100}
    assert move(booking, time_slot=PEAK, expected_total=shown.total / 100).total == shown.total


def test_preview_takes_no_locks(db, make, gateway, customer, preview):
    """Fails when a preview locks a row: it would wait for concurrent payments and cancellations."""
    booking, begun = make.booking(customer), make.booking(customer, booking_date=make.day(4))
    make.page(gateway, customer, begun.id)
    with ThreadPoolExecutor(1) as pool, db.transaction() as session:
        for table in ("users", "bookings", "payments", "payment_attempts"):
            session.execute(text(f"select 1 from {table} for update"))
        assert pool.submit(preview, booking, PEAK).result(10).refund == 0
        with pytest.raises(PaymentInProgress):
            pool.submit(preview, begun, PEAK).result(10)


def test_cheaper_time_refunds_difference_and_balances(make, accepted, move, preview, step):
    booking = accepted()
    shown = preview(booking, NOON)
    moved = move(booking)
    difference = booking.total - moved.total
    assert (shown.total, shown.difference, shown.refund) == (moved.total, -difference, difference)
    assert make.rows("select amount, state, reason from refunds") == [(difference, "created", "rescheduled")]
    assert make.balances(booking.id) == {
        "gateway_clearing": booking.total,
        "customer_advance": -moved.total,
        "refunds_payable": -difference,
    }
    assert make.rows("select amount from payments") == [(booking.total,)]
    assert (moved.acceptance, moved.status) == ("awaiting", "confirmed")

    for status in (Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED):
        step(booking, status)
    balances = make.balances(booking.id)
    assert AccountCode.CUSTOMER_ADVANCE not in balances
    assert balances["provider_payable"] == -moved.breakdown.subtotal == -terms(make, booking)[2]


def test_cancellation_after_cheaper_move_refunds_rest_once(db, make, accepted, customer, move, step, now):
    booking = accepted()
    moved = move(booking)
    step(booking, Status.CONFIRMED)
    with db.transaction() as session:
        shown = cancellation.preview(session, LINE, customer.id, booking.id, now)
        assert shown.refund == moved.total
        cancellation.cancel(session, LINE, customer.id, booking.id, "plans", shown.refund, now)
    assert make.rows("select sum(amount)::bigint from refunds") == [(booking.total,)]
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "refunds_payable": -booking.total}


def test_late_cancellation_after_move_halves_new_price(db, make, accepted, customer, move, step):
    booking = accepted()
    moved = move(booking)
    step(booking, Status.CONFIRMED)
    late = moved.starts_at - timedelta(hours=6)
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, booking.id, "plans", None, late)
    balances = make.balances(booking.id)
    assert "customer_advance" not in balances
    retained = -sum(balances[name] for name in ("provider_payable", "platform_revenue", "gst_payable"))
    assert retained == moved.total - (moved.total + 1) // 2


def test_chef_gets_new_offer_and_both_are_notified(make, accepted, move, step, now):
    booking = accepted()
    for day in (5, 6):
        move(booking, booking_date=make.day(day))
        state, expires = offer(make, booking)
        assert (state, expires) == ("open", now + timedelta(hours=2))
        assert make.stored(booking.id).acceptance == "awaiting"
        step(booking, Status.CONFIRMED)
        assert offer(make, booking)[0] == "accepted"
    notifications = make.rows("select kind, count(*) from notifications group by kind")
    assert {("rescheduled", 2), ("visit_moved", 2), ("accepted", 3)} <= set(notifications)


def test_chef_without_notification_is_not_told_of_move(make, customer, move):
    move(make.booking(customer))
    assert make.rows("select kind from notifications") == [("booked",), ("rescheduled",)]


def test_moving_does_not_restore_lost_refund(db, make, accepted, customer, move, step):
    """Fails without the cap: a visit tomorrow could be moved by a month and cancelled for a full refund."""
    booking = accepted(time_slot=NOON)
    late = booking.starts_at - timedelta(hours=6)
    moved = move(booking, at=late, booking_date=make.day(30))
    for answered in (False, True):
        if answered:
            step(booking, Status.CONFIRMED, late)
        with db.transaction() as session:
            shown = cancellation.preview(session, LINE, customer.id, booking.id, late)
        assert shown.refund == (moved.total + 1) // 2
    assert shown.valid_until == moved.starts_at - timedelta(hours=4)
    move(booking, at=late, booking_date=make.day(31))
    assert terms(make, booking)[:2] == (2, 5_000)


def test_paid_visit_cannot_move_to_dearer_time(make, gateway, phonepe, customer, move, preview):
    booking, _ = make.paid(gateway, phonepe, customer)
    for attempt in (lambda: move(booking, time_slot=PEAK), lambda: preview(booking, PEAK)):
        with pytest.raises(PriceHigher) as refused:
            attempt()
        assert refused.value.members == {"total": 1055.75, "difference": pytest.approx(175.95)}
    assert make.stored(booking.id).total == booking.total


def test_difference_below_gateway_minimum_keeps_price(make, gateway, phonepe, customer, move):
    make.run("update home_chef_tariffs set rates = rates || '{\"peak_bp\": 5}'")
    booking, _ = make.paid(gateway, phonepe, customer, time_slot=PEAK)
    moved = move(booking)
    assert (moved.total, moved.breakdown) == (booking.total, booking.breakdown)
    assert make.rows("select count(*) from refunds") == [(0,)]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_visit_moves_twice_until_four_hours_before_start(make, customer, move):
    booking = make.booking(customer)
    make.run("update bookings set pay_by = null")  # cash was agreed
    latest = booking.starts_at - timedelta(hours=4)
    with pytest.raises(NotReschedulable, match="4 h before"):
        move(booking, at=latest + timedelta(microseconds=1), booking_date=make.day(9))
    move(booking, at=latest, booking_date=make.day(9))
    move(booking, at=latest, booking_date=make.day(10))
    with pytest.raises(NotReschedulable, match="2 times"):
        move(booking, at=latest, booking_date=make.day(11))


@pytest.mark.parametrize("steps", [2, 3])
def test_started_or_ended_visit_cannot_move(accepted, move, step, steps):
    booking = accepted()
    for status in (Status.IN_PROGRESS, Status.COMPLETED)[: steps - 1]:
        step(booking, status)
    with pytest.raises(NotReschedulable):
        move(booking)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_visit_without_chef_or_payment_time_cannot_move(db, make, customer, move, gateway, phonepe, now):
    unpaid = make.booking(customer)
    with pytest.raises(NotReschedulable, match="time to pay"):
        move(unpaid, at=unpaid.pay_by)
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, unpaid.id, "plans", None, now)
    with pytest.raises(NotReschedulable, match="cancelled"):
        move(unpaid)
    alone, _ = make.paid(gateway, phonepe, customer)
    make.run("update bookings set acceptance = 'unassigned', provider_id = null where id = :id", id=alone.id)
    with pytest.raises(NotReschedulable, match="no chef"):
        move(alone)


def test_pending_payment_blocks_move(make, gateway, phonepe, customer, move):
    booking = make.booking(customer)
    page = make.page(gateway, customer, booking.id)
    with pytest.raises(PaymentInProgress):
        move(booking)
    phonepe.settle(page.merchant_txn_id, "decline")
    make.settle(gateway, page.merchant_txn_id)
    assert move(booking).payment_status == "failed"


def test_late_success_of_old_price_needs_person(make, gateway, phonepe, customer, move, now):
    """Fails when any amount is accepted: the visit would be confirmed below its price."""
    booking = make.booking(customer)
    page = make.page(gateway, customer, booking.id)
    make.run("update payment_attempts set state = 'failed', settled_at = :now", now=now)
    move(booking, time_slot=PEAK)
    phonepe.settle(page.merchant_txn_id, "pay")
    assert make.settle(gateway, page.merchant_txn_id) == "mismatched"
    assert make.rows("select kind from exceptions") == [("payment_mismatch",)]
    assert make.stored(booking.id).payment_status == "pending"


def test_busy_time_is_refused_with_nearest_free_times(make, customer, move):
    booking = make.booking(customer)
    other = make.booking(make.customer(), booking_date=make.day(5))
    with pytest.raises(ChefUnavailable) as refused:
        move(booking, time_slot=time(13))
    assert len(refused.value.members["nearest"]) == 3
    make.run(
        "insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :id, :day)",
        id=other.chef_id,
        day=make.day(7),
    )
    for when in ({"booking_date": make.day(7)}, {"time_slot": time(22)}):
        with pytest.raises(ChefUnavailable):
            move(booking, **when)
    assert make.stored(booking.id).busy_period.lower == booking.starts_at


def test_visit_may_move_into_its_own_time(make, customer, move):
    """Fails when the visit's own hours count as busy, for the chef or for the customer."""
    booking = make.booking(customer)
    assert move(booking, booking_date=make.day(3), time_slot=time(12, 30)).time_slot == time(12, 30)


def test_move_into_own_other_visit_is_refused(make, customer, move):
    booking, other = make.booking(customer), make.booking(customer, booking_date=make.day(5))
    make.chef()
    with pytest.raises(Overlapping) as refused:
        move(booking)
    assert refused.value.members == {"ref": other.ref}


def test_too_near_too_far_or_same_time_is_invalid(make, customer, move):
    booking = make.booking(customer)
    for when in (
        {"booking_date": make.day(0), "time_slot": NOON},
        {"booking_date": make.day(61)},
        {"booking_date": make.day(3), "time_slot": NOON},
    ):
        with pytest.raises(Invalid):
            move(booking, **when)


def test_earlier_start_shortens_confirmed_visits_deadline(make, customer, move, step, now):
    booking = make.booking(customer)
    step(booking, Status.CONFIRMED)
    assert make.stored(booking.id).pay_by == now + timedelta(hours=24)
    moved = move(booking, booking_date=make.day(0), time_slot=time(17))
    assert (moved.status, moved.acceptance) == ("confirmed", "awaiting")
    assert moved.pay_by == moved.starts_at - timedelta(hours=2)


def test_foreign_visit_is_not_found(make, customer, move):
    booking = make.booking(customer)
    with pytest.raises(BookingNotFound):
        move(booking, person=make.customer())


def test_same_key_moves_once(make, customer, move):
    booking = make.booking(customer)
    key = Key(customer.id, "POST /reschedule", "tap", fingerprint({}))
    first = move(booking, key=key)
    with pytest.raises(Replayed) as again:
        move(booking, key=key)
    assert again.value.answer == first.model_dump(mode="json")
    assert terms(make, booking)[0] == 1


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_concurrent_move_and_booking_have_one_winner(make, customer, move):
    """Protected twice, by the chef's row lock and by the exclusion constraint; fails with neither."""
    for day in (10, 11, 12, 13):
        booking = make.booking(customer, booking_date=make.day(day + 20))
        rival = make.customer()
        turns = iter(
            [
                lambda day=day, rival=rival: make.booking(rival, booking_date=make.day(day)),
                lambda day=day, booking=booking: move(booking, booking_date=make.day(day)),
            ]
        )
        outcomes = run_concurrently(2, lambda turns=turns: next(turns)())
        lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(lost) == 1, outcomes
        assert type(lost[0]).__name__ in {"NoChefFree", "ChefUnavailable"}
        make.run("update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'accepted'")


def test_concurrent_calendar_change_is_respected(db, make, customer, move):
    """Fails when the chef's row is not locked before his calendar is read: the visit lands on his day off."""
    booking = make.booking(customer)
    day_off = text("insert into provider_days_off (id, provider_id, day) values (gen_random_uuid(), :id, :day)")
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            session.execute(LOCK, {"id": booking.chef_id})
            session.execute(day_off, {"id": booking.chef_id, "day": make.day(5)})
            moving = pool.submit(move, booking)
            wait([moving], 0.5)
        with pytest.raises(ChefUnavailable):
            moving.result(10)


def test_concurrent_moves_are_serialized(make, customer, move):
    booking = make.booking(customer)
    days = iter([make.day(5), make.day(6)])
    outcomes = run_concurrently(2, lambda: move(booking, booking_date=next(days)))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert terms(make, booking)[0] == 2


@pytest.mark.parametrize("others", [0, 4])
def test_move_cost_is_independent_of_calendar(make, accepted, move, others):
    for day in range(others):
        make.booking(make.customer(), booking_date=make.day(5), time_slot=time(8 + 3 * day))
    booking = accepted()
    with counted() as seen:
        move(booking, booking_date=make.day(6))
    assert len(seen.statements) == 27  # with its refund and both mails
