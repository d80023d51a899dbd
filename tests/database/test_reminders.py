"""Reminders: one for each person and start, none of a visit that does not take place, no outdated mail."""

from datetime import time, timedelta

import pytest

from functions.wiring import line
from shared.appointments import cancellation, reminders
from shared.bookings.lifecycle import Status
from shared.lines.home_chef.line import LINE
from shared.notifications.notice import Notice
from tests.make import run_concurrently
from tests.round_trips import counted

DAY, HOURS, MINUTE = timedelta(hours=24), timedelta(hours=2), timedelta(minutes=1)


@pytest.fixture
def visit(make, gateway, phonepe):
    """Return a paid visit in three days with an open offer."""
    booking, _ = make.paid(gateway, phonepe)
    return booking


def sent(make):
    statement = "select kind, user_id from notifications where kind like '%reminder%' order by created_at, kind"
    return make.rows(statement)


def kinds(make):
    return [kind for kind, _ in sent(make)]


def move(make, booking, by, now):
    """Move a visit as the reschedule does: times, busy period and a history event."""
    make.run(
        "update bookings set busy_period = tstzrange(lower(busy_period) + cast(:by as interval), upper(busy_period) + cast(:by as interval)) where id = :id",
        by=by,
        id=booking.id,
    )
    make.run(
        "update appointments set starts_at = starts_at + cast(:by as interval), ends_at = ends_at + cast(:by as interval) where booking_id = :id",
        by=by,
        id=booking.id,
    )
    make.run(
        "insert into booking_events (booking_id, at, actor, kind) values (:id, :now, 'customer', 'rescheduled')",
        id=booking.id,
        now=now,
    )


def test_both_are_reminded_a_day_and_two_hours_before_once(db, make, visit, now):
    make.step(visit, "confirmed", now=now)
    start = visit.starts_at
    assert reminders.remind(db, LINE, start - DAY - MINUTE) == {"due": 0, "reminded": 0}
    assert reminders.remind(db, LINE, start - DAY) == {"due": 1, "reminded": 1}
    customer = make.stored(visit.id).customer_id
    assert sent(make) == [("chef_reminder_day", visit.chef_id), ("reminder_day", customer)]
    for later in (start - DAY + MINUTE, start - HOURS - MINUTE):
        assert reminders.remind(db, LINE, later)["due"] == 0
    assert reminders.remind(db, LINE, start - HOURS) == {"due": 1, "reminded": 1}
    assert kinds(make)[2:] == ["chef_reminder_hours", "reminder_hours"]
    assert reminders.remind(db, LINE, start - MINUTE)["due"] == 0
    assert make.rows("select count(*) from outbox where kind = 'notifications.mail'") == [(8,)]


def test_late_accepting_chef_is_reminded_alone(db, make, visit, now):
    reminders.remind(db, LINE, visit.starts_at - DAY)
    assert kinds(make) == ["reminder_day"]
    make.step(visit, "confirmed", now=now)
    assert reminders.remind(db, LINE, visit.starts_at - DAY + MINUTE) == {"due": 1, "reminded": 1}
    assert kinds(make) == ["reminder_day", "chef_reminder_day"]


def test_late_booking_gets_only_two_hour_reminder(db, make, gateway, phonepe):
    booking, _ = make.paid(gateway, phonepe, booking_date=make.day(0), time_slot=time(20))
    assert reminders.remind(db, LINE, booking.starts_at - HOURS - MINUTE)["due"] == 0
    reminders.remind(db, LINE, booking.starts_at - HOURS)
    assert kinds(make) == ["reminder_hours"]


def test_moved_visit_is_reminded_again(db, make, visit):
    first = visit.starts_at
    reminders.remind(db, LINE, first - DAY)
    move(make, visit, "2 days", first - DAY)
    assert reminders.remind(db, LINE, first - HOURS)["due"] == 0
    reminders.remind(db, LINE, first + timedelta(days=1))
    assert kinds(make) == ["reminder_day", "reminder_day"]


def test_recently_moved_visit_gets_no_day_reminder(db, make, visit):
    moved_at = visit.starts_at - timedelta(hours=30)
    move(make, visit, "-10 hours", moved_at)
    assert reminders.remind(db, LINE, moved_at + MINUTE)["due"] == 0
    reminders.remind(db, LINE, visit.starts_at - timedelta(hours=12))
    assert kinds(make) == ["reminder_hours"]


def test_unpaid_cancelled_started_visits_get_no_reminder(db, make, gateway, phonepe, now):
    unpaid = make.booking()
    make.step(unpaid, "confirmed", now=now)
    cancelled, _ = make.paid(gateway, phonepe, booking_date=make.day(4))
    with db.transaction() as session:
        customer = make.stored(cancelled.id).customer_id
        cancellation.cancel(session, LINE, customer, cancelled.id, "plans", None, now)
    started, _ = make.paid(gateway, phonepe, booking_date=make.day(5))
    make.step(started, "confirmed", now=now)
    make.step(started, "in_progress", now=now)
    for booking in (unpaid, cancelled, started):
        assert reminders.remind(db, LINE, booking.starts_at - HOURS)["due"] == 0


def test_cash_visit_is_reminded(db, make, now):
    booking = make.booking()
    make.step(booking, "confirmed", now=now)
    make.run("update bookings set cash_agreed = true, pay_by = null")
    reminders.remind(db, LINE, booking.starts_at - HOURS)
    assert kinds(make) == ["chef_reminder_hours", "reminder_hours"]


def test_concurrent_sweeps_remind_once(db, make, visit, now):
    make.step(visit, "confirmed", now=now)
    run_concurrently(5, lambda: reminders.remind(db, LINE, visit.starts_at - DAY))
    assert len(sent(make)) == 2


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_one_indexed_statement_finds_due_reminders(db, make, visit, now):
    with counted() as seen, db.reading() as session:
        assert list(reminders._due(session, LINE, visit.starts_at - DAY)) == [visit.id]
    assert len(seen.statements) == 1
    make.run("""
        insert into bookings (id, line, ref, customer_id, busy_period, status, payment_status, acceptance, city, total, breakdown)
        select gen_random_uuid(), line, ref || n, customer_id, tstzrange(lower(busy_period) + n * interval '1 hour', upper(busy_period) + n * interval '1 hour'),
          case when n % 2 = 0 then 'cancelled' else status end, payment_status, 'unassigned', city, total, breakdown from bookings, generate_series(100, 5000) n""")
    make.run("analyze bookings")
    kinds = {
        "customer_day": "reminder_day",
        "customer_hours": "reminder_hours",
        "provider_day": "chef_reminder_day",
        "provider_hours": "chef_reminder_hours",
    }
    window = {
        "now": now,
        "day_ahead": now + DAY,
        "hours_ahead": now + HOURS,
        "ahead": DAY,
        "line": LINE.name,
        "limit": 200,
    }
    plan = "\n".join(row[0] for row in make.rows("explain " + reminders._DUE.text, **window, **kinds))
    assert "ix_bookings_active_start" in plan, plan


def test_failing_reminder_does_not_block_others(db, make, gateway, phonepe, caplog):
    broken, _ = make.paid(gateway, phonepe)
    other, _ = make.paid(gateway, phonepe, booking_date=make.day(3), time_slot=broken.time_slot.replace(hour=15))
    make.run("update appointments set address = '{}' where booking_id = :id", id=broken.id)
    assert reminders.remind(db, LINE, other.starts_at - DAY) == {"due": 2, "reminded": 1}
    assert "reminder not sent" in caplog.text


def is_current(db, make, kind):
    [(subject, facts)] = make.rows("select subject_id, facts from notifications where kind = :kind", kind=kind)
    with db.reading() as session:
        return line("home_chef").is_current(session, Notice(kind, subject, facts))


def test_old_times_reminder_is_outdated(db, make, visit):
    reminders.remind(db, LINE, visit.starts_at - DAY)
    assert is_current(db, make, "reminder_day")
    move(make, visit, "2 days", visit.starts_at - DAY)
    assert not is_current(db, make, "reminder_day")


def test_only_cancellation_notices_survive_cancellation(db, make, visit, now):
    make.step(visit, "confirmed", now=now)
    for at in (visit.starts_at - DAY, visit.starts_at - HOURS):
        reminders.remind(db, LINE, at)
    kinds = {"confirmed", "accepted", "reminder_day", "reminder_hours", "chef_reminder_day", "chef_reminder_hours"}
    assert {kind for kind in kinds if is_current(db, make, kind)} == kinds
    with db.transaction() as session:
        cancellation.cancel(session, LINE, make.stored(visit.id).customer_id, visit.id, "plans", None, now)
    assert {kind for kind in kinds if is_current(db, make, kind)} == set()
    assert is_current(db, make, "cancelled_with_refund")
    assert is_current(db, make, "visit_cancelled")


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_answered_or_lost_offer_notice_is_outdated(db, make, visit, now):
    assert is_current(db, make, "visit_to_answer")
    make.step(visit, "confirmed", now=now)
    assert not is_current(db, make, "visit_to_answer")
    assert is_current(db, make, "accepted")
    make.run("update bookings set provider_id = :other, acceptance = 'awaiting'", other=make.chef().id)
    assert not is_current(db, make, "visit_to_answer")
    assert not is_current(db, make, "accepted")


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_paid_customers_payment_request_is_outdated(db, make, visit):  # noqa: ARG001 - a precondition
    assert not is_current(db, make, "booked")
    make.run("update bookings set payment_status = 'pending', acceptance = 'awaiting'")
    assert is_current(db, make, "booked")


def test_start_notice_is_current_until_visit_ends(db, make, visit, now):
    make.step(visit, "confirmed", now=now)
    for status, current in ((Status.IN_PROGRESS, True), (Status.COMPLETED, False)):
        make.step(visit, status, now=now)
        assert is_current(db, make, "started") is current
