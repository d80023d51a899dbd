"""A completed booking has an invoice numbered without gaps; later refunds are credit notes."""

from datetime import UTC, datetime, time, timedelta
from itertools import count

import pytest

from shared.appointments import cancellation, completion, queries
from shared.bookings.history import SYSTEM
from shared.invoices import queries as invoices
from shared.invoices.schemas import invoice_view
from shared.kit.ids import new_id
from shared.ledger.postings import AccountCode
from shared.lines.home_chef.line import LINE
from shared.payments import invoicing
from tests.make import run_concurrently
from tests.round_trips import counted

pytestmark = pytest.mark.breaks_invariants("what is completed was paid by a row alone")

PAID = """
insert into payment_attempts (id, payment_id, booking_id, gateway, merchant_txn_id, amount, state, capture, started_at)
select gen_random_uuid(), id, booking_id, 'cash', 'SZ_' || id, amount, 'succeeded', 'applied', now() from payments
"""


class Undone(Exception):
    pass


@pytest.fixture
def under_way(make):
    """Return bookings in progress, each with its own customer."""

    def under_way(many):
        starts = [(day, hour) for day in range(3, 50) for hour in (8, 11, 14, 17)]
        booked = [
            make.booking(make.customer(), booking_date=make.day(day), time_slot=time(hour))
            for day, hour in starts[:many]
        ]
        make.run(PAID)
        make.run("update bookings set status = 'in_progress', payment_status = 'success', acceptance = 'accepted'")
        return booked

    return under_way


@pytest.fixture
def complete(db, now):
    def complete(booking, at=now, undone=False):
        with db.transaction() as session:
            completion.complete(session, LINE, queries.locked(session, booking.id), SYSTEM, None, at)
            session.flush()
            if undone:
                raise Undone

    return complete


@pytest.fixture
def issued(db):
    def issued(booking):
        with db.reading() as session:
            return invoices.of_booking(session, booking.id)

    return issued


def numbers(make):
    return [number for (number,) in make.rows("select number from invoices order by series, serial")]


def test_completed_booking_has_exact_invoice(make, complete, issued, now):
    make.chef(rate=133_00)
    customer = make.customer()
    booking = make.booking(customer, time_slot=time(19), duration_hours=3, guest_count=7)
    make.run(PAID)
    make.run("update bookings set status = 'in_progress', payment_status = 'success', acceptance = 'accepted'")
    complete(booking)
    view = invoice_view(issued(booking))
    assert (view.number, view.issued_at, view.booking_ref) == ("SZ/26-27/000001", now, booking.ref)
    breakdown = booking.breakdown
    assert (view.total, view.cgst, view.sgst) == (breakdown.total, breakdown.cgst, breakdown.sgst)
    assert view.taxable == breakdown.subtotal + breakdown.platform_fee
    service, fee = view.components
    assert [line.amount for line in service.lines] == [
        breakdown.base,
        breakdown.guest_surcharge,
        breakdown.peak_premium,
    ]
    assert (fee.taxable, service.cgst + service.sgst + fee.cgst + fee.sgst) == (breakdown.platform_fee, breakdown.gst)
    assert (view.customer.name, view.customer.address) == ("Meera", "12 Hill Road, Mumbai 400050")
    assert view.place_of_supply == "Mumbai"
    assert view.components[0].lines[0].text == "3 h at ₹133.00 an hour"


def test_fifty_concurrent_invoices_are_numbered_one_to_fifty(make, under_way, complete):
    """Fails when the number is a sequence or a maximum plus one: gaps after failures, or duplicates."""
    left = iter(under_way(50))
    outcomes = run_concurrently(50, lambda: complete(next(left)))
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert numbers(make) == [f"SZ/26-27/{serial:06d}" for serial in range(1, 51)]


def test_rollback_leaves_no_gap(make, under_way, complete):
    turns = zip(count(), under_way(12), strict=False)

    def one():
        n, booking = next(turns)
        complete(booking, undone=n % 3 == 0)

    outcomes = run_concurrently(12, one)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [Undone] * 4
    assert numbers(make) == [f"SZ/26-27/{serial:06d}" for serial in range(1, 9)]
    assert make.rows("select last from invoice_series") == [(8,)]


def test_financial_year_starts_at_one(make, under_way, complete):
    march, april, next_march = under_way(3)
    for booking, at in (
        (march, datetime(2027, 3, 31, 18, 29, tzinfo=UTC)),
        (april, datetime(2027, 3, 31, 18, 31, tzinfo=UTC)),
        (next_march, datetime(2028, 3, 31, 18, 29, tzinfo=UTC)),
    ):
        complete(booking, at)
    assert numbers(make) == ["SZ/26-27/000001", "SZ/27-28/000001", "SZ/27-28/000002"]


def test_millionth_number_fits(make, under_way, complete):
    first, second = under_way(2)
    make.run("insert into invoice_series values ('SZ/26-27', 999998)")
    complete(first)
    complete(second)
    assert numbers(make) == ["SZ/26-27/999999", "SZ/26-27/1000000"]


def test_later_refunds_are_credit_notes_in_own_series(db, under_way, complete, issued, now):
    [booking] = under_way(1)
    complete(booking)
    for amount in (100_00, booking.total - 100_00):
        with db.transaction() as session:
            invoicing.credit(session, LINE, booking.id, new_id(), amount, now + timedelta(days=1))
    view = invoice_view(issued(booking))
    assert [(note.number, note.total) for note in view.credit_notes] == [
        ("SC/26-27/000001", 100_00),
        ("SC/26-27/000002", booking.total - 100_00),
    ]
    assert {note.invoice_number for note in view.credit_notes} == {view.number}
    for name in ("taxable", "cgst", "sgst"):
        assert sum(getattr(note, name) for note in view.credit_notes) == getattr(view, name)


def test_no_credit_note_before_completion(db, make, now):
    booking = make.booking()
    with db.transaction() as session:
        invoicing.credit(session, LINE, booking.id, new_id(), 100_00, now)
    assert numbers(make) == []


def test_cancellation_fee_has_no_invoice(db, make, gateway, phonepe):
    make.chef()
    customer = make.customer()
    booking, _ = make.paid(gateway, phonepe, customer)
    late = booking.starts_at - timedelta(hours=5)
    make.step(booking, "confirmed")
    with db.transaction() as session:
        cancellation.cancel(session, LINE, customer.id, booking.id, "plans", None, late)
    assert make.balances(booking.id)[AccountCode.PLATFORM_REVENUE] < 0
    assert numbers(make) == []


def test_invoice_is_private_and_one_statement(db, make, under_way, complete):
    [booking] = under_way(1)
    customer_id = make.stored(booking.id).customer_id
    for stage in (0, 1):
        with counted() as seen, db.reading() as session:
            assert len(invoicing.of_customer(session, customer_id, booking.id)) == stage
        assert len(seen.statements) == 1
        if not stage:
            complete(booking)
    with db.reading() as session:
        assert invoicing.of_customer(session, make.customer().id, booking.id) is None
