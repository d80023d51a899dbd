"""Admin refunds: within the remaining amount, borne by the chosen party, and every paisa posted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from functions.wiring import line
from shared.appointments import cancellation, completion, queries
from shared.appointments.models import Appointment
from shared.bookings.history import SYSTEM
from shared.bookings.lifecycle import Status
from shared.bookings.queries import BookingNotFound
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import Bearer, Parts
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.pricing import Breakdown
from shared.payments import admin_refund, cash, refunding
from shared.payments.admin_refund import CancelInstead, NotRefundable, RefundCommand
from shared.payments.lifecycle import Cause
from shared.payments.schemas import CashTaken
from tests.make import always, run_concurrently

ENDED = (Status.CONFIRMED, Status.IN_PROGRESS, Status.COMPLETED)


@pytest.fixture
def customer(make):
    make.chef()
    return make.customer()


@pytest.fixture
def paid(make, gateway, phonepe, customer):
    return make.paid(gateway, phonepe, customer)[0]


@pytest.fixture
def ended(make, paid):
    make.step(paid, *ENDED)
    return paid


@pytest.fixture
def make_refund(db, make, now):
    """Refund an amount of a booking as an admin."""
    by = make.admin()

    def make_refund(booking, amount, borne_by=Bearer.PLATFORM, at=now, reason="the soup was cold"):
        with db.transaction() as session:
            command = RefundCommand(amount, reason, borne_by)
            return admin_refund.refund(session, line, booking.id, command, by, at).id

    return make_refund


@pytest.fixture
def send(db, make, gateway, now):
    """Send every created refund and poll it to its end."""

    def send():
        for (refund_id,) in make.rows("select id from refunds where state = 'created'"):
            for _ in range(2):
                refunding.advance(db, always(gateway), line, refund_id, now)

    return send


def parts(db, booking):
    with db.reading() as session:
        visit = session.get_one(Appointment, booking.id)
        breakdown = Breakdown(**session.get_one(admin_refund.Booking, booking.id).breakdown)
    return visit.earning, breakdown.platform_fee, breakdown.gst


def earned(make, booking):
    """Return the earnings of chef, platform and state; asserts an empty customer advance."""
    balances = make.balances(booking.id)
    assert "customer_advance" not in balances
    return tuple(-balances.get(name, 0) for name in ("provider_payable", "platform_revenue", "gst_payable"))


def test_partial_refund_of_future_visit_reduces_advance(make, paid, make_refund, send):
    make_refund(paid, 300_00)
    assert make.balances(paid.id) == {
        "gateway_clearing": paid.total,
        "customer_advance": -(paid.total - 300_00),
        "refunds_payable": -300_00,
    }
    assert make.stored(paid.id).payment_status == "success"
    send()
    assert make.stored(paid.id).payment_status == "partially_refunded"
    assert (make.stored(paid.id).status, make.rows("select count(*) from exceptions")) == ("confirmed", [(0,)])
    notifications = make.rows(
        "select kind, (facts->>'amount')::int from notifications where kind like 'refund%' order by kind"
    )
    assert notifications == [("refund_decided", 300_00), ("refunded", 300_00)]
    assert make.rows("select actor, reason from booking_events where kind = 'refund_decided'") == [
        ("admin", "the soup was cold")
    ]
    [(action, subject_id, after)] = make.rows("select action, subject_id, after from audit_log")
    assert (action, subject_id) == ("booking.refunded", paid.id)
    assert (after["amount"], after["borne_by"], after["reason"]) == (300_00, "platform", "the soup was cold")


@pytest.mark.parametrize("bearer", Bearer)
def test_earnings_are_equal_for_refund_before_or_after_visit(
    db, make, gateway, phonepe, customer, make_refund, send, bearer
):
    """Fails when completing shares out the whole price: the customer advance becomes negative."""
    make.chef()
    before, after = make.paid(gateway, phonepe, customer)[0], make.paid(gateway, phonepe, make.customer())[0]
    make.step(before, Status.CONFIRMED)
    make_refund(before, 123_45, bearer)
    for booking in (before, after):
        make.step(booking, *ENDED[0 if booking is after else 1 :])
    make_refund(after, 123_45, bearer)
    send()

    chef, fee, gst = parts(db, before)
    assert earned(make, before) == earned(make, after)
    got = earned(make, before)
    assert sum(got) == before.total - 123_45
    assert 0 < gst - got[2] < 7_00
    if bearer is Bearer.PLATFORM:
        assert got[0] == chef
    else:
        assert (chef - got[0]) / chef == pytest.approx(123_45 / before.total, abs=1e-4)
        assert (fee - got[1]) / fee == pytest.approx(123_45 / before.total, abs=1e-3)
    assert "refunds_payable" not in make.balances(before.id)


def test_full_refund_of_completed_visit_still_pays_chef(db, make, ended, make_refund, send):
    chef, _, _ = parts(db, ended)
    make_refund(ended, ended.total)
    send()
    assert earned(make, ended) == (chef, -chef, 0)
    assert make.stored(ended.id).payment_status == "refunded"
    assert make.balances(ended.id).keys() == {"provider_payable", "platform_revenue"}


def test_full_refund_at_chefs_expense_leaves_no_earnings(make, ended, make_refund, send):
    for amount in (1_01, ended.total // 3, 17_77):
        make_refund(ended, amount, Bearer.PROVIDER)
    make_refund(ended, ended.total - 1_01 - ended.total // 3 - 17_77, Bearer.PROVIDER)
    send()
    assert make.balances(ended.id) == {}


def test_reversed_postings_name_the_chef(make, ended, make_refund):
    make_refund(ended, 100_00, Bearer.PROVIDER)
    assert make.rows("""
        select distinct p.provider_id from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
        where t.kind = 'earnings_reversed' and p.account = 'provider_payable'""") == [(ended.chef_id,)]


def test_late_cancellation_fee_can_be_refunded(db, make, paid, customer, make_refund, send):
    make.step(paid, Status.CONFIRMED)
    with db.transaction() as session:
        late = paid.starts_at - timedelta(hours=5)
        cancellation.cancel(session, LINE, customer.id, paid.id, "plans", None, late)
    retained = paid.total - paid.total // 2
    assert sum(earned(make, paid)) == retained
    make_refund(paid, retained, Bearer.PROVIDER)
    send()
    assert make.balances(paid.id) == {}
    assert make.stored(paid.id).payment_status == "refunded"


def test_full_refund_of_future_visit_requires_cancellation(make, paid, make_refund):
    with pytest.raises(CancelInstead, match="Cancel it"):
        make_refund(paid, paid.total)
    make_refund(paid, 300_00)
    with pytest.raises(CancelInstead, match="Cancel it"):
        make_refund(paid, paid.total - 300_00)
    make.step(paid, *ENDED[:2])
    with pytest.raises(CancelInstead, match="Complete it first"):
        make_refund(paid, paid.total - 300_00)
    make.step(paid, ENDED[2])
    make_refund(paid, paid.total - 300_00)


def test_refunds_never_exceed_remaining_amount(make, ended, make_refund, send):
    with pytest.raises(NotRefundable) as refused:
        make_refund(ended, ended.total + 1)
    assert refused.value.members == {"left": ended.total / 100}
    make_refund(ended, ended.total - 50_00)
    send()
    with pytest.raises(NotRefundable, match=r"50\.00 rupees of this payment"):
        make_refund(ended, 50_01)
    make_refund(ended, 50_00)
    with pytest.raises(NotRefundable, match=r"0\.00"):
        make_refund(ended, 1_00)
    assert make.rows("select sum(amount) from refunds") == [(ended.total,)]


def test_gateway_refund_and_remainder_are_at_least_a_rupee(ended, make_refund):
    with pytest.raises(Invalid, match=r"at least 1\.00"):
        make_refund(ended, 99)
    with pytest.raises(Invalid, match="or leave at least 1"):
        make_refund(ended, ended.total - 99)
    make_refund(ended, ended.total - 1_00)
    make_refund(ended, 1_00)


@pytest.mark.parametrize("reason", Cause)
def test_reserved_reason_is_refused(ended, make_refund, reason):
    """Fails with free text as the reason: `rescheduled` would count as a price change, without a credit note."""
    with pytest.raises(Invalid, match="reserved for automatic refunds"):
        make_refund(ended, 100_00, reason=reason.value)


def test_unpaid_or_missing_booking_has_no_refund(make, customer, make_refund):
    booking = make.booking(customer)
    with pytest.raises(NotRefundable, match="was not paid"):
        make_refund(booking, 100_00)
    with pytest.raises(BookingNotFound):
        make_refund(booking.model_copy(update={"id": new_id()}), 100_00)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_chef_bears_nothing_before_acceptance_or_earning(db, make, paid, make_refund, now):
    with pytest.raises(Invalid, match="no provider has accepted"):
        make_refund(paid, 100_00, Bearer.PROVIDER)
    make.run("update bookings set status = 'cancelled', acceptance = 'unassigned', provider_id = null")
    with db.transaction() as session:
        retained = postings.kept_on_cancellation(paid.total, Parts(*parts(db, paid)), None)
        ledger.post(session, postings.Kind.KEPT, paid.id, paid.id, retained, at=now)
    with pytest.raises(Invalid, match="no provider has earned"):
        make_refund(paid, 100_00, Bearer.PROVIDER)
    make_refund(paid, 100_00)


def test_chefs_share_is_not_passed_to_successor(db, make, paid, make_refund, now):
    """Fails when every refund at a chef's expense counts, whichever chef completed the visit."""
    make.step(paid, Status.CONFIRMED)
    make_refund(paid, 100_00, Bearer.PROVIDER)
    make.run("update appointments set provider_changed_at = :at", at=now + timedelta(hours=1))
    make_refund(paid, 50_00, Bearer.PROVIDER, now + timedelta(hours=2))
    make.step(paid, *ENDED[1:], now=now + timedelta(days=4))
    chef, _, _ = parts(db, paid)
    chefs_share = chef - earned(make, paid)[0]
    assert chefs_share / chef == pytest.approx(50_00 / paid.total, abs=1e-4)


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_price_difference_refund_costs_no_party(db, make, paid, now):
    """After a cheaper reschedule the chef earns the new price in full (docs/product.md#reschedule)."""
    cheaper = {"base": 500_00, "guest_surcharge": 0, "peak_premium": 0, "platform_fee": 25_00, "gst_service": 25_00}
    price_difference = paid.total - 551_25
    with db.transaction() as session:
        attempt = session.query(admin_refund.Attempt).one()
        refunding.decide(session, attempt, price_difference, reason="rescheduled", now=now)
        booking = session.get_one(admin_refund.Booking, paid.id)
        booking.breakdown, booking.total = {**cheaper, "gst_fee": 1_25}, 551_25
        session.get_one(Appointment, paid.id).earning = 500_00
    make.step(paid, *ENDED)
    assert earned(make, paid) == (500_00, 25_00, 26_25)


@pytest.mark.parametrize("before", [True, False])
def test_admin_refund_before_or_after_gets_credit_note(make, paid, make_refund, before):
    """Fails when only refunds after the completion are credited: the invoice would tax the refunded amount."""
    make.step(paid, *ENDED[:1])
    if before:
        make_refund(paid, 100_00)
    make.step(paid, *ENDED[1:])
    if not before:
        make_refund(paid, 100_00)
    issued = make.rows("select kind, document->>'total' from invoices order by kind desc")
    assert issued == [("invoice", str(paid.total)), ("credit_note", str(100_00))]


def test_concurrent_refunds_never_exceed_payment(make, ended, make_refund, send):
    """Fails when the remaining amount is read before the booking is locked."""
    most = ended.total - 100_00
    outcomes = run_concurrently(4, partial(make_refund, ended, most))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [type(outcome) for outcome in refused] == [NotRefundable] * 3
    send()
    assert make.rows("select sum(amount), count(*) from refunds") == [(most, 1)]
    assert make.balances(ended.id)["gateway_clearing"] == 100_00


def test_refund_waits_for_completion_and_takes_from_earnings(db, make, paid, make_refund, now):
    """Fails when a refund is decided on an unlocked booking: it takes from an advance that has been earned."""
    make.step(paid, *ENDED[:2])
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            row = queries.locked(session, paid.id)
            completion.complete(session, LINE, row, SYSTEM, None, now)
            refund = pool.submit(make_refund, paid, 200_00)
            with pytest.raises(TimeoutError):
                refund.result(0.3)
        refund.result(10)
    assert sum(earned(make, paid)) == paid.total - 200_00
    assert make.balances(paid.id)["refunds_payable"] == -200_00


def test_any_cash_amount_can_be_refunded(db, make, customer, make_refund, now):
    booking = make.booking(customer)
    with db.transaction() as session:
        taken = CashTaken(amount=booking.total / 100, held_by="provider")
        cash.change(session, line, booking.id, taken, make.admin(), now)
    make.step(booking, *ENDED)
    for amount in (1, booking.total - 50):
        make_refund(booking, amount)
    with pytest.raises(Invalid, match=r"at least 0\.01"):
        make_refund(booking, 0)
    assert make.rows("select distinct state from refunds") == [("needs_person",)]
    assert make.rows("select kind, (facts->>'amount')::int from exceptions order by 2") == [
        ("cash_refund", 1),
        ("cash_refund", booking.total - 50),
    ]
    assert make.balances(booking.id)["refunds_payable"] == -(booking.total - 49)
