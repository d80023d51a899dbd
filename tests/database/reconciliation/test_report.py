"""The daily report compares the gateway's answers with our payments and ledger, and stores rows."""

from datetime import timedelta

import pytest

from shared.inbox import queries as inbox
from shared.payments.gateway import GatewayStatus, Order
from shared.payments.reconciliation import queries
from shared.payments.reconciliation.schemas import RowsQuery
from tests.database.reconciliation.night import NIGHT, TODAY, exceptions, receive_notification
from tests.fakes import ScriptedGateway
from tests.make import run_concurrently
from tests.round_trips import counted


def test_day_without_differences_is_matched_and_complete(make, gateway, phonepe, begun, refund, report, rows, days):
    _, paid = make.paid(gateway, phonepe)
    sent = refund(paid)
    make.settle(gateway, sent)
    _, declined = begun()
    phonepe.settle(declined, "decline")
    make.settle(gateway, declined)
    assert report() == {"asked": 3, "silent": 0, "failed": 0, "matched": 3}
    found = {row.our_id: row for row in rows()}
    assert {our_id: (row.kind, row.outcome) for our_id, row in found.items()} == {
        paid: ("payment", "matched"),
        sent: ("refund", "matched"),
        declined: ("payment", "matched"),
    }
    ours = found[paid].ours
    assert (ours.booked, ours.amount, found[paid].theirs.amount) == (ours.amount,) * 3
    assert (found[sent].ours.booked, found[sent].theirs.amount) == (100_00, 100_00)
    assert found[declined].ours.booked == 0
    assert ours.bank_reference == found[paid].theirs.bank_reference is not None
    assert {(row.closed_at is None, row.closed_by, tuple(row.actions)) for row in found.values()} == {(False, None, ())}
    assert exceptions(make) == []
    assert (days()[TODAY].complete, days()[TODAY].matched, days()[TODAY].open) == (True, 3, 0)
    assert report() == {"asked": 0, "silent": 0, "failed": 0}


def test_today_is_excluded_and_days_are_indian(begun, report, rows):
    """One second before 18:30 UTC it is still that Friday in Mumbai."""
    begun()
    last_second = timedelta(hours=13, minutes=30) - timedelta(seconds=1)
    assert report(last_second)["asked"] == 0
    assert report(last_second + timedelta(seconds=1))["asked"] == 1
    assert [row.day for row in rows()] == [TODAY]


@pytest.mark.breaks_invariants("an attempt is made a cash one by a statement")
def test_cash_is_not_compared(make, gateway, phonepe, report):
    make.paid(gateway, phonepe)
    make.run("update payment_attempts set gateway = 'cash'")
    assert report() == {"asked": 0, "silent": 0, "failed": 0}


def test_pending_on_both_sides_matches_and_is_compared_again(make, gateway, phonepe, begun, report, row):
    booking, txn = begun()
    assert report()["matched"] == 1
    assert (row().ours.state, row().theirs.state, row().actions) == ("pending", "pending", [])
    assert (row().closed_at, exceptions(make)) == (None, [])
    assert report()["asked"] == 0  # once a night
    phonepe.settle(txn, "pay")
    make.settle(gateway, txn)
    assert report(NIGHT + timedelta(days=1)) == {"asked": 1, "silent": 0, "failed": 0, "matched": 1}
    assert (row().ours.state, row().theirs.state, row().booking_id) == ("succeeded", "succeeded", booking.id)
    assert row().closed_at is not None
    assert report(NIGHT + timedelta(days=2))["asked"] == 0


@pytest.mark.parametrize(
    ("fault", "outcome"), [("status.other_amount", "amount_differs"), ("status.not_found", "ours_only")]
)
def test_difference_stays_open_until_gateway_agrees(
    make, gateway, phonepe, report, row, act, handle_messages, fault, outcome
):
    booking, txn = make.paid(gateway, phonepe)
    phonepe.fault(fault, transaction=txn)
    assert report()[outcome] == 1
    assert row().actions == ["compare_again", "close"]
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, True)]
    act(row().id, "compare_again")
    handle_messages("payments.compare")
    assert (row().outcome, row().closed_by, row().actions) == ("matched", None, [])
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, False)]


@pytest.mark.breaks_invariants("a payment succeeds by a statement")
def test_missing_posting_differs_despite_equal_states(make, phonepe, begun, report, row):
    """The states alone would match."""
    _, txn = begun()
    phonepe.settle(txn, "pay")
    make.run("update payment_attempts set state = 'succeeded', capture = 'applied'")
    assert report()["amount_differs"] == 1
    assert (row().ours.booked, row().ours.amount) == (0, row().theirs.amount)


def test_unknown_gateway_payment_is_shown_with_its_answer(
    db, make, gateway, phonepe, handle_messages, report, rows, act, now
):
    gateway.start(Order("SOMEBODY-1", 750_00, "payer", "https://app.example"))
    phonepe.settle("SOMEBODY-1", "pay")
    for named in ("SOMEBODY-1", "SOMEBODY-2"):
        receive_notification(db, handle_messages, named, now)
    assert report()["theirs_only"] == 2
    known, unknown = sorted(rows(), key=lambda row: row.our_id)
    assert (known.kind, known.our_id, known.ours) == ("notification", "SOMEBODY-1", None)
    assert (known.theirs.state, known.theirs.amount) == ("succeeded", 750_00)
    assert (unknown.theirs.state, unknown.theirs.amount) == ("not_found", None)
    assert known.actions == unknown.actions == ["compare_again", "close"]
    assert {(kind, booking) for kind, _, booking, _ in exceptions(make)} == {("reconciliation_differs", None)}
    closed = act(known.id, "close", "Another shop of the same merchant.")
    assert (closed.outcome, closed.note, closed.actions) == ("theirs_only", "Another shop of the same merchant.", [])
    assert report(NIGHT + timedelta(days=1))["asked"] == 1  # a closed row is not polled again


def test_notification_of_known_payment_adds_no_row(db, phonepe, begun, handle_messages, report, row, now):
    _, txn = begun()
    phonepe.settle(txn, "pay")
    receive_notification(db, handle_messages, txn, now)
    report()
    assert (row().kind, row().outcome) == ("payment", "matched")


def test_day_is_complete_with_all_notifications_and_answers(db, make, phonepe, begun, report, days, now):
    with db.transaction() as session:
        inbox.receive(session, "phonepe", b"{}", "payments.callback", now)
    begun()
    phonepe.fault("status.http_500")
    assert report() == {"asked": 1, "silent": 1, "failed": 0}
    assert (days()[TODAY].complete, days()[TODAY].matched) == (False, 0)
    assert report() == {"asked": 1, "silent": 0, "failed": 0, "matched": 1}
    assert not days()[TODAY].complete
    make.run("update inbox set processed_at = now(), outcome = 'succeeded'")
    report()
    assert days()[TODAY].complete


def test_empty_answer_counts_as_silence(make, gateway, phonepe, report, rows):
    """Fails when INTERNAL_SERVER_ERROR counts as pending: a paid booking would differ at every gateway error."""
    make.paid(gateway, phonepe)
    phonepe.fault("status.internal_server_error")
    assert report() == {"asked": 1, "silent": 1, "failed": 0}
    assert rows() == []


def test_silent_gateway_is_skipped_after_three_failures(begun, report):
    silent = ScriptedGateway()
    for _ in range(5):
        begun(silent)
    silent.silent = True
    assert report(by=silent) == {"asked": 3, "silent": 3, "failed": 0}
    silent.silent = False
    assert report(by=silent)["matched"] == 5


def test_unreadable_answer_does_not_stop_others(begun, report, monkeypatch):
    scripted = ScriptedGateway()
    _, first = begun(scripted)
    begun(scripted)
    answered = scripted.payment

    def payment(our_id):
        if our_id == first:
            raise ValueError(our_id)
        return answered(our_id)

    monkeypatch.setattr(scripted, "payment", payment)
    assert report(by=scripted) == {"asked": 2, "silent": 0, "failed": 1, "matched": 1}


def test_concurrently_changed_payment_is_compared_later(make, begun, report, rows, monkeypatch):
    """Fails when a row read before the poll is compared with the answer: its state would differ."""
    scripted = ScriptedGateway()
    _, txn = begun(scripted)
    pending = scripted.answer_for(txn, GatewayStatus.PENDING)
    paid = scripted.answer_for(txn, GatewayStatus.SUCCEEDED)

    def payment(our_id):
        monkeypatch.undo()
        scripted.answers[our_id] = paid
        make.settle(scripted, our_id)
        return pending

    monkeypatch.setattr(scripted, "payment", payment)
    assert report(by=scripted) == {"asked": 1, "silent": 0, "failed": 0}
    assert rows() == []
    assert report(by=scripted)["matched"] == 1


def test_concurrent_reports_write_one_row_and_exception_each(make, phonepe, begun, report, rows, days):
    for _ in range(3):
        _, txn = begun()
        phonepe.settle(txn, "pay")
    for done in run_concurrently(3, report):
        assert done["silent"] == done["failed"] == 0
    assert [row.outcome for row in rows()] == ["state_differs"] * 3
    assert len(exceptions(make)) == 3
    assert days()[TODAY].complete


def test_each_comparison_costs_the_same(make, begun, report):
    """Fails when each row is written, or its ledger read, in a statement of its own."""
    scripted, spent = ScriptedGateway(), {}
    report(by=scripted)
    for number in (1, 5):
        for _ in range(number):
            begun(scripted)
        make.run("delete from reconciliation_rows")
        make.run("update reconciliation_days set completed_at = null where day = :day", day=TODAY)
        with counted() as seen:
            report(by=scripted)
        spent[number] = len(seen.statements)
    assert spent[5] == spent[1]


def test_first_report_covers_a_week_later_ones_every_day(report, days):
    report()
    assert sorted(days()) == [TODAY - timedelta(days=ago) for ago in range(6, -1, -1)]
    report(NIGHT + timedelta(days=10))
    assert len(days()) == 17
    assert all(day.complete for day in days().values())


def test_rows_are_filtered_by_day_outcome_and_openness(db, make, gateway, phonepe, begun, report, rows):
    make.paid(gateway, phonepe)
    _, txn = begun()
    phonepe.settle(txn, "pay")
    report()
    assert len(rows()) == len(rows(day=str(TODAY))) == 2
    assert rows(outcome="state_differs") == rows(open="true") == [row for row in rows() if row.our_id == txn]
    assert rows(outcome="matched") == rows(open="false") == [row for row in rows() if row.our_id != txn]
    assert rows(day="2026-11-19") == rows(outcome="fee_differs") == []
    with db.reading() as session, counted() as seen:
        queries.list_rows(session, RowsQuery(outcome="matched", open="false"))
    assert len(seen.statements) == 1
