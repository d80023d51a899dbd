"""Exceptions: listed until they are closed; a manual payout completes its refund by its reference."""

from datetime import timedelta
from uuid import UUID

import pytest

from functions.wiring import line
from shared.bookings.admin import queries as bookings
from shared.bookings.admin.schemas import ExceptionClosing, ExceptionsQuery
from shared.bookings.history import open_review
from shared.bookings.lifecycle import Status
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.ledger.postings import Bearer
from shared.payments import admin_refund, cash, exception_resolution, queries, refunding
from shared.payments.admin_refund import RefundCommand
from shared.payments.exception_resolution import AlreadyClosed, ExceptionNotFound
from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.models import Refund
from shared.payments.schemas import CashTaken
from tests.make import Person, always, run_concurrently
from tests.round_trips import counted

ENDED = (Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED)


@pytest.fixture
def admin(make):
    return make.admin()


@pytest.fixture
def booking(make):
    make.chef()
    return make.booking(make.customer())


@pytest.fixture
def in_cash(db, make, booking, admin, now):
    """Return the id of the partial refund of a visit paid in cash."""
    with db.transaction() as session:
        cash.change(session, line, booking.id, CashTaken(amount=booking.total / 100, held_by="provider"), admin, now)
    make.step(booking, *ENDED)
    with db.transaction() as session:
        command = RefundCommand(100_00, "the soup was cold", Bearer.PLATFORM)
        return admin_refund.refund(session, line, booking.id, command, admin, now).id


@pytest.fixture
def close(db, make, admin, now):
    """Close an exception, by default the only one."""

    def close(reference=None, exception_id=None):
        chosen = exception_id or make.rows("select id from exceptions")[0][0]
        with db.transaction() as session:
            closing = ExceptionClosing(closing_note="seen to", reference=reference)
            exception_resolution.close(session, line, chosen, closing, admin, now)

    return close


def exception(make):
    return make.rows("select closed_at, closed_by, closing_note from exceptions")[0]


def test_reference_completes_cash_refund(make, booking, in_cash, close, admin, now):
    close("RECEIPT-17")
    assert exception(make) == (now, admin.id, "seen to")
    assert make.rows("select id, state, bank_reference, done_at from refunds") == [(in_cash, "done", "RECEIPT-17", now)]
    balances = make.balances(booking.id)
    assert balances["cash"] == booking.total - 100_00
    assert balances.keys().isdisjoint({"refunds_payable", "customer_advance", "gateway_clearing"})
    assert make.stored(booking.id).payment_status == "partially_refunded"
    assert make.rows("select count(*) from notifications where kind = 'refunded'") == [(1,)]
    events = make.rows("select kind, actor, actor_id from booking_events order by id desc limit 2")
    assert events == [("exception_closed", "admin", admin.id), ("refund_done", "admin", admin.id)]
    [(after,)] = make.rows("select after from audit_log where action = 'exception.closed'")
    assert after == {"kind": "cash_refund", "closing_note": "seen to", "reference": "RECEIPT-17"}


def test_manual_refund_cannot_close_without_reference(make, in_cash, close):
    """Fails when a note suffices: the money would be owed for ever, without an open exception."""
    with pytest.raises(Invalid, match="reference"):
        close()
    assert exception(make) == (None, None, None)
    assert make.rows("select state from refunds where id = :id", id=in_cash) == [("needs_person",)]


def test_failed_refund_can_be_paid_out_manually(db, make, gateway, phonepe, booking, close, now):
    customer = make.rows("select customer_id from bookings")[0][0]
    page = make.page(gateway, Person(customer, "customer"), booking.id)
    phonepe.settle(page.merchant_txn_id, "pay")
    make.settle(gateway, page.merchant_txn_id)
    make.step(booking, *ENDED)
    phonepe.fault("refund.fails")
    with db.transaction() as session:
        command = RefundCommand(booking.total, "nobody came", Bearer.PLATFORM)
        refund_id = admin_refund.refund(session, line, booking.id, command, make.admin(), now).id
    for _ in range(3):
        refunding.advance(db, always(gateway), line, refund_id, now)
    assert make.rows("select kind from exceptions") == [("refund_failed",)]

    close("UTR-4711")
    balances = make.balances(booking.id)
    assert balances.keys().isdisjoint({"refunds_payable", "customer_advance", "gateway_clearing", "cash"})
    assert make.stored(booking.id).payment_status == "refunded"
    late = GatewayAnswer(GatewayStatus.FAILED, "PAYMENT_ERROR")
    with db.reading() as session:
        known = session.get_one(Refund, refund_id)
    assert refunding.settle(db, line, known, "TESTMERCHANT", late, now) == "done"


@pytest.mark.breaks_invariants("a row is changed by a statement")
@pytest.mark.usefixtures("in_cash")
def test_reference_requires_an_unfinished_refund(db, make, booking, close, now):
    make.run("update refunds set state = 'done'")
    with pytest.raises(Invalid, match="not done yet"):
        close("TWICE")
    close()
    other = _open(db, make, "payment_mismatch", booking.id, now)
    with pytest.raises(Invalid, match="only to a refund"):
        close("X", other)
    close(exception_id=other)
    assert make.rows("select count(*) from ledger_transactions where kind = 'refund_done'") == [(0,)]


def _open(db, make, kind, booking_id, now, subject=None):
    with db.transaction() as session:
        open_review(session, kind, subject or new_id(), booking_id, now)
    return make.rows("select id from exceptions order by created_at desc, closed_at nulls first limit 1")[0][0]


def test_closed_exception_is_final_but_may_recur(db, make, booking, close, now):
    subject = new_id()
    _open(db, make, "chargeback", booking.id, now, subject)
    close()
    with pytest.raises(AlreadyClosed):
        close()
    again = _open(db, make, "chargeback", booking.id, now + timedelta(seconds=1), subject)
    close(exception_id=again)
    assert make.rows("select count(*) from audit_log") == [(2,)]
    with pytest.raises(ExceptionNotFound):
        close(exception_id=new_id())


def test_exception_without_booking_can_be_closed(db, make, close, now):
    _open(db, make, "unknown_report", None, now)
    close()
    assert make.rows("select count(*) from exceptions where closed_at is not null") == [(1,)]


@pytest.mark.usefixtures("in_cash")
def test_concurrent_closings_close_once(make, booking, close):
    """Fails when it is read before the booking is locked: the second marks a completed refund."""
    outcomes = run_concurrently(3, lambda: close("RECEIPT-17"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyClosed"] * 2 + ["NoneType"]
    assert make.rows("select count(*) from audit_log where action = 'exception.closed'") == [(1,)]
    assert make.balances(booking.id)["cash"] == booking.total - 100_00


def test_only_payment_exceptions_block_start(db, make, booking, admin, now):
    """Fails when every open exception blocks the start, and not only those about the payment."""
    with db.transaction() as session:
        cash.change(session, line, booking.id, CashTaken(amount=booking.total / 100, held_by="provider"), admin, now)
        command = RefundCommand(100_00, "fewer dishes", Bearer.PLATFORM)
        admin_refund.refund(session, line, booking.id, command, admin, now)
    with db.reading() as session:
        assert not queries.under_review(session, booking.id)
    _open(db, make, "chargeback", booking.id, now)
    with db.reading() as session:
        assert queries.under_review(session, booking.id)


def test_open_exceptions_are_listed_newest_first(db, make, booking, close, now):
    kinds = ["chargeback", "payment_mismatch", "chargeback"]
    ids = [_open(db, make, kind, booking.id, now + timedelta(minutes=n)) for n, kind in enumerate(kinds)]
    close(exception_id=ids[0])

    def listed(**wanted):
        with db.reading() as session, counted() as seen:
            rows, _ = bookings.list_reviews(session, ExceptionsQuery(**wanted))
        assert len(seen.statements) == 1
        return [row.id for row in rows]

    assert listed() == ids[:0:-1]
    assert listed(state="closed") == ids[:1]
    assert listed(kind="chargeback") == ids[2:]
    assert listed(booking_id=str(booking.id)) == ids[:0:-1]
    assert listed(booking_id=str(UUID(int=0))) == []
