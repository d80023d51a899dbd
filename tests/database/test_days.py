"""All-time reads use daily rollups: the answers equal those computed from every row."""

from datetime import date, timedelta

import pytest

from shared.bookings.admin import queries as bookings
from shared.kit import daily_rollup
from shared.kit.date_range import DateRange
from shared.kit.ids import new_id
from shared.ledger import queries as ledger
from shared.ledger.postings import Kind, Parts, captured, completed, owed_back, refund_done
from shared.users import queries as users
from shared.users.queries import Headcount
from tests.make import run_concurrently

INDIA, DAY = "Asia/Kolkata", timedelta(days=1)
ENDED = """update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned', provider_id = null
where id = :id"""
PERIOD = DateRange(date(2026, 11, 14), date(2026, 11, 19), INDIA)


@pytest.fixture
def sum_up(in_process):  # noqa: ARG001 - an imported function reads its settings
    from functions.schedule.maintenance import days

    return days


@pytest.fixture
def post(db):
    def post(kind, postings, at):
        with db.transaction() as session:
            ledger.post(session, kind, new_id(), new_id(), postings, at)

    return post


@pytest.fixture
def read_summed(db, now):
    """Return a function that runs every read of rollups: money by day, balances now and per day, bookings."""

    def read_summed():
        today = DateRange.today(now, INDIA)
        midnight = PERIOD.start
        with db.reading() as session:
            held = [ledger.balances(session, until=midnight + number * DAY) for number in range(8)]
            return (
                held,
                ledger.balances(session),
                ledger.turnover(session, PERIOD, today),
                bookings.tally(session, PERIOD, today),
            )

    return read_summed


def test_money_is_unchanged_by_rollup(sum_up, make, post, read_summed, now):
    """Fails when a day is rolled up twice, left out, or begins at another hour."""
    chef, midnight = make.chef(), PERIOD.start
    for at in (midnight, midnight + DAY - timedelta(microseconds=1), midnight + 3 * DAY, midnight + 5 * DAY):
        post(Kind.CAPTURED, captured(100_00), at)
        post(Kind.COMPLETED, completed(Parts(provider=80_00, platform=4_00, gst=4_20), chef.id), at)
    post(Kind.OWED_BACK, owed_back(7_00), midnight + 2 * DAY)
    post(Kind.REFUND_DONE, refund_done(7_00), midnight + 4 * DAY)
    every_row = read_summed()
    assert sum_up(midnight + 3 * DAY)["ledger"] == 2  # the day before may still have open transactions
    assert read_summed() == every_row
    assert sum_up(now)["ledger"] == 4
    assert read_summed() == every_row
    post(Kind.CAPTURED, captured(1_00), now)
    assert read_summed()[1]["gateway_clearing"] == every_row[1]["gateway_clearing"] + 1_00


@pytest.mark.breaks_invariants("bookings are given other states by a statement")
def test_booking_counts_are_unchanged_by_rollup(sum_up, make, read_summed, now):
    """Fails when a day is rolled up while one of its bookings can still change."""
    made = [make.booking(booking_date=make.day(3 + number)) for number in range(4)]
    for number, booking in enumerate(made):
        make.run("update bookings set created_at = :at where id = :id", at=PERIOD.start + number * DAY, id=booking.id)
    for ended in (made[0], made[1], made[3]):
        make.run(ENDED, id=ended.id)
    every_row = read_summed()
    assert sum_up(now)["bookings"] == 2
    assert read_summed() == every_row
    make.run(ENDED, id=made[2].id)
    every_row = read_summed()
    assert every_row[3].now == {"cancelled": 4}
    assert sum_up(now)["bookings"] == 4
    assert read_summed() == every_row


@pytest.mark.breaks_invariants("a booking is given another state by a statement")
def test_read_during_rollup_counts_day_once(sum_up, make, post, db, now, monkeypatch):
    """Fails when a statement reads all rollups, plus the rows after those it was prepared with."""
    post(Kind.CAPTURED, captured(100_00), PERIOD.start)
    make.run(ENDED, id=make.booking(booking_date=make.day(3)).id)
    for table in ("users", "bookings"):
        make.run(f"update {table} set created_at = :at", at=PERIOD.start)
    today, look = DateRange.today(now, INDIA), daily_rollup.summed_until

    def roll_up_after_read(session, summed):
        seen = look(session, summed)
        with monkeypatch.context() as night:
            night.setattr(daily_rollup, "summed_until", look)
            sum_up(now)
        return seen

    for read in (
        lambda session: ledger.turnover(session, PERIOD, today),
        lambda session: bookings.tally(session, PERIOD, today),
        lambda session: users.headcounts(session, PERIOD),
        ledger.balances,
    ):
        for table in ("ledger_days", "booking_days", "user_days"):
            make.run(f"delete from {table}")
        with db.reading() as session, monkeypatch.context() as patch:
            every_row = read(session)
            patch.setattr(daily_rollup, "summed_until", roll_up_after_read)
            assert read(session) == every_row


def test_concurrent_rollups_count_each_day_once(sum_up, make, post, read_summed, now):
    post(Kind.CAPTURED, captured(100_00), PERIOD.start)
    every_row = read_summed()
    assert all(did["ledger"] <= 6 for did in run_concurrently(3, lambda: sum_up(now)))
    assert read_summed() == every_row
    assert make.rows("select count(*) from ledger_days") == [(6,)]


def test_empty_database_has_no_rollups(sum_up, now):
    assert sum_up(now) == {"ledger": 0, "bookings": 0, "users": 0}


def test_user_counts_are_unchanged_by_rollup(sum_up, make, db, now):
    """Fails when users promoted or blocked since count by their earlier role."""
    for number in range(4):
        person = make.customer(is_active=number != 1)
        make.run("update users set created_at = :at where id = :id", at=PERIOD.start + number * DAY, id=person.id)
    make.run("update users set created_at = :at where id = :id", at=now, id=make.chef().id)
    counted = [Headcount("chef", 1, 1, 0), Headcount("customer", 4, 3, 4)]
    with db.reading() as session:
        assert users.headcounts(session, PERIOD) == counted
        assert sum_up(now)["users"] == 6
        assert users.headcounts(session, PERIOD) == counted
        make.run("update users set role = 'chef' where id = :id", id=person.id)
        assert users.headcounts(session, PERIOD) == [Headcount("chef", 2, 2, 1), Headcount("customer", 3, 2, 3)]
