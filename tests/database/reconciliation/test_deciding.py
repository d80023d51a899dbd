"""An admin's actions on a report row: settle, compare again, book a fee, close."""

from dataclasses import replace

import pytest

from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.payments.exception_resolution import AlreadyClosed
from shared.payments.gateway import GatewayStatus
from shared.payments.reconciliation.comparison import Action
from shared.payments.reconciliation.deciding import RowNotFound
from tests.database.reconciliation.night import TODAY, exceptions
from tests.fakes import ScriptedGateway
from tests.make import run_concurrently


def test_payment_without_signal_differs_and_is_settled(make, phonepe, begun, report, row, act, handle_messages, days):
    """The report settles nothing itself and opens an exception."""
    booking, txn = begun()
    phonepe.settle(txn, "pay")
    assert report()["state_differs"] == 1
    assert make.stored(booking.id).payment_status == "pending"
    assert row().actions == ["settle", "compare_again", "close"]
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, True)]
    assert (days()[TODAY].state_differs, days()[TODAY].open, days()[TODAY].complete) == (1, 1, True)
    assert act(row().id, "settle").closed_at is None
    handle_messages("payments.poll", "payments.compare")
    assert make.stored(booking.id).payment_status == "success"
    assert (row().outcome, row().ours.booked, row().actions) == ("matched", booking.total, [])
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, False)]


def test_payment_we_failed_is_settled_as_gateway_says(make, gateway, phonepe, begun, report, row, act, handle_messages):
    booking, txn = begun()
    phonepe.settle(txn, "decline")
    make.settle(gateway, txn)
    phonepe.settle(txn, "pay", force=True)
    report()
    assert (row().ours.state, row().outcome) == ("failed", "state_differs")
    act(row().id, "settle")
    handle_messages("payments.poll", "payments.compare")
    assert (make.stored(booking.id).payment_status, row().outcome) == ("success", "matched")


def test_completed_refund_is_settled_from_its_row(
    make, gateway, phonepe, refund, report, rows, row, act, handle_messages
):
    booking, txn = make.paid(gateway, phonepe)
    phonepe.fault("refund.stays_pending", transaction=txn)
    sent = refund(txn)
    phonepe.settle(sent, "pay")
    report()
    found = row(outcome="state_differs")
    assert (found.our_id, found.ours.state, found.ours.booked) == (sent, "pending", 0)
    act(found.id, "settle")
    handle_messages("payments.poll", "payments.compare")
    assert make.stored(booking.id).payment_status == "partially_refunded"
    assert rows(open="true") == []
    assert exceptions(make) == [("reconciliation_differs", found.id, booking.id, False)]


@pytest.fixture
def charged(make, begun):
    """Pay through a gateway that reports its fee; returns the gateway, the booking and our id."""

    def charged(fee):
        scripted = ScriptedGateway()
        booking, txn = begun(scripted)
        scripted.answers[txn] = scripted.answer_for(txn, GatewayStatus.SUCCEEDED, fee=fee)
        make.settle(scripted, txn)
        return scripted, booking, txn

    return charged


def test_report_posts_gateways_fee_once(make, charged, report, row):
    scripted, booking, _ = charged(11_80)
    assert "gateway_fees" not in make.balances(booking.id)
    run_concurrently(3, lambda: report(by=scripted))
    assert make.balances(booking.id) == {
        "gateway_clearing": booking.total - 11_80,
        "gateway_fees": 11_80,
        "customer_advance": -booking.total,
    }
    assert (row().outcome, row().ours.fee, row().theirs.fee) == ("matched", 11_80, 11_80)


@pytest.mark.parametrize("other", [15_00, 10_00, 0])
def test_admin_corrects_fee_to_gateways_amount(make, charged, report, row, act, other):
    scripted, booking, txn = charged(11_80)
    report(by=scripted)
    make.run("delete from reconciliation_rows")
    scripted.answers[txn] = replace(scripted.answers[txn], fee=other)
    make.run("update reconciliation_days set completed_at = null")
    assert report(by=scripted)["fee_differs"] == 1
    assert (row().ours.fee, row().theirs.fee, row().actions) == (11_80, other, ["book_fee", "close"])
    assert exceptions(make) == []
    closed = act(row().id, "book_fee")
    assert (closed.actions, closed.closed_by is None) == ([], False)
    assert make.balances(booking.id).get("gateway_fees", 0) == other
    assert sum(make.balances(booking.id).values()) == 0


def test_row_limits_admins_actions(make, gateway, phonepe, report, row, act):
    make.paid(gateway, phonepe)
    report()
    with pytest.raises(AlreadyClosed):
        act(row().id, "close", "nothing to close")
    with pytest.raises(RowNotFound):
        act(new_id(), "close", "nowhere")
    make.run("delete from reconciliation_rows")
    make.run("update reconciliation_days set completed_at = null")
    phonepe.fault("status.other_amount")
    report()
    for action in (Action.SETTLE, Action.BOOK_FEE):
        with pytest.raises(Invalid, match="action: must be one of the row's allowed actions: compare_again, close"):
            act(row().id, action)
    with pytest.raises(Invalid, match="note"):
        act(row().id, "close")
    assert make.rows("select count(*) from audit_log") == [(0,)]


def test_closing_row_writes_history_audit_and_closes_exception(make, gateway, phonepe, report, row, act):
    booking, txn = make.paid(gateway, phonepe)
    phonepe.fault("status.not_found")
    report()
    act(row().id, "close", "Asked PhonePe: it is there.")
    facts = {"action": "close", "our_id": txn, "outcome": "ours_only", "note": "Asked PhonePe: it is there."}
    last = "select kind, actor, facts from booking_events where booking_id = :id order by id desc limit 1"
    assert make.rows(last, id=booking.id) == [("reconciliation_decided", "admin", facts)]
    assert make.rows("select action, subject_id, after from audit_log") == [("reconciliation.decided", row().id, facts)]
    assert make.rows("select closing_note, closed_by from exceptions") == [(row().note, row().closed_by)]
    assert row().closed_by is not None
