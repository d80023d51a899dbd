"""Admin lists and booking details: exact filters, few statements, stable while rows are added."""

from datetime import date, time, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.engine import Engine

from functions.wiring import line
from shared.bookings.admin import queries as bookings
from shared.bookings.admin.schemas import BookingsQuery
from shared.bookings.admin.views import listed_view
from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.ledger.postings import Bearer
from shared.payments import admin_refund, cash, queries, status_polling
from shared.payments.admin.queries import booking_detail
from shared.payments.admin.views import detail_view
from shared.payments.admin_refund import RefundCommand
from shared.payments.schemas import CashTaken, PaymentsQuery
from shared.payments.views import listed_attempt_view
from tests.make import always
from tests.round_trips import counted


@pytest.fixture
def found(db):
    """Return the ids of the bookings that match the filters, from one statement."""

    def found(**wanted):
        with db.reading() as session, counted() as seen:
            rows, _ = bookings.list_for_admins(session, BookingsQuery(**wanted))
            views = [listed_view(row) for row in rows]
        assert len(seen.statements) == 1
        return [view.id for view in views]

    return found


def walk(read_page, query, between):
    """Read a list page by page, calling `between` after each page."""
    rows, cursor = read_page(query(limit=2))
    yield from rows
    while cursor:
        between()
        rows, cursor = read_page(query(limit=2, cursor=cursor))
        yield from rows


def test_bookings_are_filtered_by_each_fact(make, gateway, phonepe, found, now):
    make.chef()
    lunch = make.booking(make.customer())
    paid, _ = make.paid(gateway, phonepe, make.customer(), time_slot=time(16))
    later = make.booking(make.customer(), now=now + timedelta(minutes=1), booking_date=make.day(5))
    everything = [later.id, *sorted([paid.id, lunch.id], reverse=True)]
    assert found() == everything
    assert found(status="confirmed") == found(payment_status="success") == [paid.id]
    assert found(acceptance="awaiting", line="home_chef", city="MUMBAI") == everything
    assert found(acceptance="accepted") == found(line="vehicle_care") == found(city="Pune") == []
    assert found(provider_id=str(lunch.chef_id)) == everything
    [(customer,)] = make.rows("select customer_id from bookings where id = :id", id=lunch.id)
    assert found(customer_id=str(customer)) == [lunch.id]
    assert found(q=lunch.ref) == found(q=lunch.ref.lower()) == [lunch.id]
    assert found(q="SZ-") == everything
    assert found(q=lunch.ref[3:]) == []
    assert found(status="pending", q=paid.ref) == []


def test_day_filter_is_indian_and_inclusive(make, found, now):
    """A visit at 08:00 in Mumbai begins at 02:30 UTC; one at 22:00, at 16:30 UTC, is still on that day."""
    make.chef()
    early = make.booking(make.customer(), booking_date=make.day(3), time_slot=time(8), duration_hours=1)
    late = make.booking(make.customer(), booking_date=make.day(3), time_slot=time(22), duration_hours=1)
    day = make.day(3)
    assert set(found(date_from=day, date_to=day)) == {early.id, late.id}
    assert found(date_to=day - timedelta(days=1)) == found(date_from=day + timedelta(days=1)) == []
    make.run("update bookings set created_at = '2026-11-20 18:29:59.999999+00' where id = :id", id=early.id)
    make.run("update bookings set created_at = '2026-11-20 18:30:00+00' where id = :id", id=late.id)
    assert found(created_from=date(2026, 11, 21)) == [late.id]
    assert found(created_to=date(2026, 11, 20)) == [early.id]
    assert now.date() == date(2026, 11, 20)


@pytest.mark.parametrize("text", ["%", "_", "SZ ", "'", "x" * 21, ""])
def test_reference_search_uses_its_letters(text):
    with pytest.raises(ValidationError):
        BookingsQuery(q=text)


def test_booking_row_shows_people_and_times(db, make):
    make.chef()
    booking = make.booking(make.customer(name="Asha"))
    with db.reading() as session:
        [row], _ = bookings.list_for_admins(session, BookingsQuery())
    view = listed_view(row)
    assert (view.customer_name, view.provider_name, view.provider_id) == ("Asha", booking.chef_name, booking.chef_id)
    assert (view.starts_at, view.total, view.ref) == (booking.starts_at, booking.total, booking.ref)


def test_booking_pages_are_stable_while_bookings_are_added(db, make, now):
    make.chef()
    times = [time(hour) for hour in (8, 11, 14, 17, 20)]
    made = [make.booking(make.customer(), time_slot=at, now=now) for at in times]  # all at the same instant
    further = iter(range(4, 20))

    def read_page(query):
        with db.reading() as session:
            return bookings.list_for_admins(session, query)

    def book():
        make.booking(make.customer(), booking_date=make.day(next(further)), now=now + timedelta(seconds=1))

    shown = [row.booking.id for row in walk(read_page, BookingsQuery, book)]
    assert sorted(shown) == sorted(booking.id for booking in made)


def test_attempts_are_filtered_in_one_statement(db, make, gateway, phonepe, now):
    make.chef()
    paid, txn = make.paid(gateway, phonepe, make.customer())
    other = make.booking(make.customer(), time_slot=time(16))
    with db.transaction() as session:
        taken = CashTaken(amount=other.total / 100, held_by="provider")
        cash.change(session, line, other.id, taken, make.admin(), now + timedelta(days=1))

    def refs(**wanted):
        with db.reading() as session, counted() as seen:
            rows, _ = queries.list_attempts(session, PaymentsQuery(**wanted))
            views = [listed_attempt_view(*row) for row in rows]
        assert len(seen.statements) == 1
        return [(view.booking_ref, view.held_by) for view in views]

    assert refs() == refs(state="succeeded") == [(other.ref, "provider"), (paid.ref, None)]
    assert refs(gateway="cash") == refs(booking_id=str(other.id)) == refs(date_from=date(2026, 11, 21))
    assert refs(gateway="cash") == [(other.ref, "provider")]
    assert refs(merchant_txn_id=txn) == refs(date_to=date(2026, 11, 20)) == [(paid.ref, None)]
    assert refs(state="failed") == []


def test_attempt_pages_are_stable_while_attempts_are_added(db, make, gateway, now):
    make.chef()

    def begin(hours):
        customer = make.customer()
        at = {"booking_date": make.day(3 + hours // 24), "time_slot": time(hours % 24)}
        return make.page(gateway, customer, make.booking(customer, **at).id, now + timedelta(seconds=hours))

    begun = {begin(hours).merchant_txn_id for hours in (8, 11, 14, 17, 20)}
    further = iter(24 * day + 12 for day in range(1, 20))

    def read_page(query):
        with db.reading() as session:
            return queries.list_attempts(session, query)

    shown = [attempt.merchant_txn_id for attempt, _ in walk(read_page, PaymentsQuery, lambda: begin(next(further)))]
    assert len(shown) == len(set(shown))
    assert set(shown) == begun


def test_only_reconciliation_runs_with_polls_are_stored(db, make, gateway, now):
    def reconcile(after):
        done = status_polling.reconcile(db, always(gateway), line, now + after)
        status_polling.record_round(db, done, now + after)

    reconcile(timedelta(0))
    customer = make.customer()
    make.page(gateway, customer, make.booking(customer).id)
    for step in (timedelta(minutes=3), timedelta(minutes=4), timedelta(minutes=6)):
        reconcile(step)
    with db.reading() as session:
        runs, cursor = queries.list_reconciliations(session, PageQuery(limit=1))
        before, _ = queries.list_reconciliations(session, PageQuery(cursor=cursor))
    assert [(run.started_at - now, run.asked, run.silent) for run in [*runs, *before]] == [
        (timedelta(minutes=6), 1, 0),
        (timedelta(minutes=3), 1, 0),
    ]


def test_booking_detail_costs_same_statements_full_or_empty(db, make, gateway, phonepe, now):
    make.chef()
    quiet = make.booking(make.customer())
    busy, txn = make.paid(gateway, phonepe, make.customer(), time_slot=time(16))
    make.step(busy, Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED)
    for amount in (10_00, 20_00, 30_00):
        with db.transaction() as session:
            command = RefundCommand(amount, "the soup was cold", Bearer.PROVIDER)
            admin_refund.refund(session, line, busy.id, command, make.admin(), now)

    def look(booking):
        with db.reading() as session, counted() as seen:
            view = detail_view(booking_detail(session, line, booking.id))
        return view, len(seen.statements)

    (view, many), (empty, few) = look(busy), look(quiet)
    assert (many, few) == (6, 6)
    assert (empty.payments, empty.refunds, empty.exceptions, empty.ledger) == ([], [], [], [])
    assert (view.visit["earning"], view.customer_email, view.provider_name) == (
        make.rows("select earning from appointments where booking_id = :id", id=busy.id)[0][0] / 100,
        make.rows("select email from users u join bookings b on b.customer_id = u.id where b.id = :id", id=busy.id)[0][
            0
        ],
        busy.chef_name,
    )
    assert [payment.merchant_txn_id for payment in view.payments] == [txn]
    assert sorted((refund.amount, refund.borne_by) for refund in view.refunds) == [
        (10_00, "provider"),
        (20_00, "provider"),
        (30_00, "provider"),
    ]
    assert [offer["state"] for offer in view.offers] == ["accepted"]
    assert [event.kind for event in view.events][-4:] == ["completed", *["refund_decided"] * 3]
    assert sum(posted.amount for posted in view.ledger) == 0
    assert {posted.kind for posted in view.ledger} == {"captured", "completed", "earnings_reversed"}
    with db.reading() as session, pytest.raises(BookingNotFound):
        booking_detail(session, line, new_id())


@pytest.mark.breaks_invariants("thousands of bookings by one statement")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "ix_bookings_created_at_id"),
        ({"q": "SZ-AB"}, "bookings_ref"),  # the prefix index; with collation C the unique index costs the same
        ({"date_from": date(2026, 11, 23), "date_to": date(2026, 11, 23)}, "ix_bookings_start"),
    ],
)
def test_booking_list_uses_an_index(db, make, wanted, index):
    """Fails without the index: filters by day or reference read every booking."""
    make.booking()
    make.run("""
        insert into bookings (id, line, ref, customer_id, status, payment_status, acceptance, city, total, breakdown,
          busy_period, created_at)
        select gen_random_uuid(), b.line, 'XX-' || n, b.customer_id, 'cancelled', 'failed', 'unassigned', b.city,
          b.total, b.breakdown, tstzrange(b.created_at - n * interval '1 h', b.created_at - n * interval '1 h' + interval '2 h'),
          b.created_at - n * interval '1 h'
        from bookings b, generate_series(1, 5000) n""")
    make.run("analyze bookings")
    assert index in plan(db, lambda session: bookings.list_for_admins(session, BookingsQuery(**wanted)))


def plan(db, query):
    """Return Postgres' plan of the query with its actual parameters."""
    statements = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        statements.append((f"explain {statement}", parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with db.reading() as session:
            query(session)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with db.reading() as session:
        [planned] = statements
        return "\n".join(row[0] for row in session.connection().exec_driver_sql(*planned))
