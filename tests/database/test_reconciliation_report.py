"""The report of a day: what a gateway says against what we believe and have booked, kept and acted upon."""

import base64
import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from functions import wiring
from functions.wiring import line
from shared.inbox import queries as inbox
from shared.kit.errors import Invalid
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.payments import queries as payments
from shared.payments import refunding
from shared.payments.closing import AlreadyClosed
from shared.payments.gateway import Order, Said
from shared.payments.reconciliation import deciding, queries
from shared.payments.reconciliation import report as reconciliation
from shared.payments.reconciliation.comparison import Action
from shared.payments.reconciliation.deciding import RowNotFound
from shared.payments.reconciliation.schemas import RowAction, RowsQuery
from shared.payments.reconciliation.views import day_view, row_view
from tests.fakes import ScriptedGateway
from tests.make import at, together
from tests.round_trips import counted

TODAY = date(2026, 11, 20)
NIGHT = timedelta(hours=16)  # 02:30 of the next day in Mumbai


@pytest.fixture
def report(db, gateway, now):
    def report(after=NIGHT, by=gateway):
        return reconciliation.report(db, at(by), now + after)

    return report


@pytest.fixture
def rows(db):
    def rows(**wanted):
        with db.reading() as session:
            return [row_view(row) for row in queries.list_rows(session, RowsQuery(**wanted))[0]]

    return rows


@pytest.fixture
def row(rows):
    def row(**wanted):
        [only] = rows(**wanted)
        return only

    return row


@pytest.fixture
def days(db):
    def days():
        with db.reading() as session:
            return {view.day: view for view in map(day_view, queries.list_days(session, PageQuery(limit=100))[0])}

    return days


@pytest.fixture
def act(db, make, now):
    def act(row_id, action, note=None):
        with db.transaction() as session:
            wanted = RowAction(action=Action(action), note=note)
            return row_view(deciding.act(session, row_id, wanted, make.admin(), now + NIGHT))

    return act


@pytest.fixture
def promised(in_process, gateway, make, monkeypatch, now):  # noqa: ARG001
    """Do what was promised of these kinds, as the tasks function does."""
    from functions.tasks.handlers import handler

    monkeypatch.setattr(wiring, "gateway_named", at(gateway))

    def promised(*kinds, later=NIGHT):
        waiting = "select id, kind, payload from outbox where kind = any(:kinds) and done_at is null order by due_at"
        for message_id, kind, payload in make.rows(waiting, kinds=list(kinds)):
            handler(kind)(payload, now + later)
            make.run("update outbox set done_at = now() where id = :id", id=message_id)

    return promised


@pytest.fixture
def begun(make, gateway):
    """Begin to pay a booking; returns it and our id."""

    def begun(by=gateway):
        make.chef()
        customer = make.customer()
        booking = make.booking(customer)
        return booking, make.page(by, customer, booking.id).merchant_txn_id

    return begun


@pytest.fixture
def refund(db, make, gateway, now):
    """Give back 100 rupees of a payment, down to the gateway's answer."""

    def refund(txn):
        with db.transaction() as session:
            attempt = payments.attempt_by_our_id(session, txn)
            refund_id = refunding.decide(session, attempt, 100_00, reason="a test", now=now).id
        refunding.follow(db, at(gateway), line, refund_id, now)
        return make.rows("select merchant_refund_id from refunds where id = :id", id=refund_id)[0][0]

    return refund


def exceptions(make):
    return make.rows("select kind, subject_id, booking_id, closed_at is null from exceptions order by created_at")


def test_a_day_that_went_well_is_matched_to_the_last_refund_and_complete(
    make, gateway, phonepe, begun, refund, report, rows, days
):
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
    whole = found[paid].ours
    assert (whole.booked, whole.amount, found[paid].theirs.amount) == (whole.amount,) * 3
    assert (found[sent].ours.booked, found[sent].theirs.amount) == (100_00, 100_00)
    assert found[declined].ours.booked == 0
    assert whole.bank_reference == found[paid].theirs.bank_reference is not None
    assert {(row.closed_at is None, row.closed_by, tuple(row.actions)) for row in found.values()} == {(False, None, ())}
    assert exceptions(make) == []
    assert (days()[TODAY].complete, days()[TODAY].matched, days()[TODAY].open) == (True, 3, 0)
    assert report() == {"asked": 0, "silent": 0, "failed": 0}


def test_today_is_left_alone_and_a_day_is_a_day_of_india(begun, report, rows):
    """It is still that Friday in Mumbai one second before 18:30 UTC."""
    begun()
    last_second = timedelta(hours=13, minutes=30) - timedelta(seconds=1)
    assert report(last_second)["asked"] == 0
    assert report(last_second + timedelta(seconds=1))["asked"] == 1
    assert [row.day for row in rows()] == [TODAY]


@pytest.mark.breaks_invariants("an attempt is made a cash one by a statement")
def test_cash_went_through_no_gateway(make, gateway, phonepe, report):
    make.paid(gateway, phonepe)
    make.run("update payment_attempts set gateway = 'cash'")
    assert report() == {"asked": 0, "silent": 0, "failed": 0}


def test_what_is_pending_on_both_sides_is_matched_and_compared_again_the_next_night(
    make, gateway, phonepe, begun, report, row
):
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


def test_a_payment_nobody_told_us_of_differs_and_is_settled_by_the_one_door(
    make, phonepe, begun, report, row, act, promised, days
):
    """The report itself settles nothing, and a person is told."""
    booking, txn = begun()
    phonepe.settle(txn, "pay")
    assert report()["state_differs"] == 1
    assert make.stored(booking.id).payment_status == "pending"
    assert row().actions == ["settle", "compare_again", "close"]
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, True)]
    assert (days()[TODAY].state_differs, days()[TODAY].open, days()[TODAY].complete) == (1, 1, True)
    assert act(row().id, "settle").closed_at is None
    promised("payments.follow", "payments.compare")
    assert make.stored(booking.id).payment_status == "success"
    assert (row().outcome, row().ours.booked, row().actions) == ("matched", booking.total, [])
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, False)]


def test_a_payment_we_gave_up_and_the_gateway_did_not_is_settled_too(
    make, gateway, phonepe, begun, report, row, act, promised
):
    booking, txn = begun()
    phonepe.settle(txn, "decline")
    make.settle(gateway, txn)
    phonepe.settle(txn, "pay", force=True)
    report()
    assert (row().ours.state, row().outcome) == ("failed", "state_differs")
    act(row().id, "settle")
    promised("payments.follow", "payments.compare")
    assert (make.stored(booking.id).payment_status, row().outcome) == ("success", "matched")


def test_a_refund_the_gateway_has_sent_is_settled_from_its_row(
    make, gateway, phonepe, refund, report, rows, row, act, promised
):
    booking, txn = make.paid(gateway, phonepe)
    phonepe.fault("refund.stays_pending", transaction=txn)
    sent = refund(txn)
    phonepe.settle(sent, "pay")
    report()
    found = row(outcome="state_differs")
    assert (found.our_id, found.ours.state, found.ours.booked) == (sent, "pending", 0)
    act(found.id, "settle")
    promised("payments.follow", "payments.compare")
    assert make.stored(booking.id).payment_status == "partially_refunded"
    assert rows(open="true") == []
    assert exceptions(make) == [("reconciliation_differs", found.id, booking.id, False)]


@pytest.mark.parametrize(
    ("fault", "outcome"), [("status.other_amount", "amount_differs"), ("status.not_found", "ours_only")]
)
def test_what_the_gateway_knows_otherwise_is_for_a_person_until_it_says_the_same(
    make, gateway, phonepe, report, row, act, promised, fault, outcome
):
    booking, txn = make.paid(gateway, phonepe)
    phonepe.fault(fault, transaction=txn)
    assert report()[outcome] == 1
    assert row().actions == ["compare_again", "close"]
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, True)]
    act(row().id, "compare_again")
    promised("payments.compare")
    assert (row().outcome, row().closed_by, row().actions) == ("matched", None, [])
    assert exceptions(make) == [("reconciliation_differs", row().id, booking.id, False)]


@pytest.mark.breaks_invariants("a payment succeeds by a statement")
def test_what_the_ledger_has_not_booked_differs_although_the_gateway_agrees(make, phonepe, begun, report, row):
    """The state alone would match."""
    _, txn = begun()
    phonepe.settle(txn, "pay")
    make.run("update payment_attempts set state = 'succeeded', capture = 'applied'")
    assert report()["amount_differs"] == 1
    assert (row().ours.booked, row().ours.amount) == (0, row().theirs.amount)


def told_of(db, promised, named, now):
    """Take a signed notification about an id."""
    content = base64.b64encode(json.dumps({"data": {"merchantTransactionId": named}}).encode()).decode()
    with db.transaction() as session:
        assert inbox.receive(session, "phonepe", json.dumps({"response": content}).encode(), "payments.callback", now)
    promised("payments.callback")


def test_a_payment_of_which_only_the_gateway_knows_is_shown_with_what_it_says(
    db, make, gateway, phonepe, promised, report, rows, act, now
):
    gateway.start(Order("SOMEBODY-1", 750_00, "payer", "https://app.example"))
    phonepe.settle("SOMEBODY-1", "pay")
    for named in ("SOMEBODY-1", "SOMEBODY-2"):
        told_of(db, promised, named, now)
    assert report()["theirs_only"] == 2
    known, unknown = sorted(rows(), key=lambda row: row.our_id)
    assert (known.kind, known.our_id, known.ours) == ("notification", "SOMEBODY-1", None)
    assert (known.theirs.state, known.theirs.amount) == ("succeeded", 750_00)
    assert (unknown.theirs.state, unknown.theirs.amount) == ("not_found", None)
    assert known.actions == unknown.actions == ["compare_again", "close"]
    assert {(kind, booking) for kind, _, booking, _ in exceptions(make)} == {("reconciliation_differs", None)}
    closed = act(known.id, "close", "Another shop of the same merchant.")
    assert (closed.outcome, closed.note, closed.actions) == ("theirs_only", "Another shop of the same merchant.", [])
    assert report(NIGHT + timedelta(days=1))["asked"] == 1  # what is closed is not asked about any more


def test_a_notification_of_something_of_ours_is_no_row_of_its_own(db, phonepe, begun, promised, report, row, now):
    _, txn = begun()
    phonepe.settle(txn, "pay")
    told_of(db, promised, txn, now)
    report()
    assert (row().kind, row().outcome) == ("payment", "matched")


def test_a_day_is_complete_when_every_notification_is_read_and_every_question_answered(
    db, make, phonepe, begun, report, days, now
):
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


def test_an_answer_that_speaks_of_nothing_is_no_answer(make, gateway, phonepe, report, rows):
    """Fails when INTERNAL_SERVER_ERROR is taken for pending: a paid booking would differ every time they stumble."""
    make.paid(gateway, phonepe)
    phonepe.fault("status.internal_server_error")
    assert report() == {"asked": 1, "silent": 1, "failed": 0}
    assert rows() == []


def test_a_gateway_that_is_silent_three_times_is_left_alone_until_the_next_run(begun, report):
    silent = ScriptedGateway()
    for _ in range(5):
        begun(silent)
    silent.silent = True
    assert report(by=silent) == {"asked": 3, "silent": 3, "failed": 0}
    silent.silent = False
    assert report(by=silent)["matched"] == 5


def test_an_answer_that_cannot_be_read_does_not_stop_the_others(begun, report, monkeypatch):
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


def test_what_changes_while_the_gateway_is_asked_is_compared_another_time(make, begun, report, rows, monkeypatch):
    """Fails when what was read before the question is held against the answer: it would differ in its state."""
    scripted = ScriptedGateway()
    _, txn = begun(scripted)
    pending = scripted.about(txn, Said.PENDING)
    paid = scripted.about(txn, Said.SUCCEEDED)

    def payment(our_id):
        monkeypatch.undo()
        scripted.says[our_id] = paid
        make.settle(scripted, our_id)
        return pending

    monkeypatch.setattr(scripted, "payment", payment)
    assert report(by=scripted) == {"asked": 1, "silent": 0, "failed": 0}
    assert rows() == []
    assert report(by=scripted)["matched"] == 1


def test_two_reports_at_once_leave_one_row_and_one_exception_each(make, phonepe, begun, report, rows, days):
    for _ in range(3):
        _, txn = begun()
        phonepe.settle(txn, "pay")
    for done in together(3, report):
        assert done["silent"] == done["failed"] == 0
    assert [row.outcome for row in rows()] == ["state_differs"] * 3
    assert len(exceptions(make)) == 3
    assert days()[TODAY].complete


def test_each_question_costs_the_same_however_many_there_are(make, begun, report):
    """Fails when a row is written, or its ledger read, by itself."""
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


def test_the_first_report_looks_a_week_back_and_later_ones_at_every_day_since(report, days):
    report()
    assert sorted(days()) == [TODAY - timedelta(days=ago) for ago in range(6, -1, -1)]
    report(NIGHT + timedelta(days=10))
    assert len(days()) == 17
    assert all(day.complete for day in days().values())


@pytest.fixture
def charged(make, begun):
    """Pay through a gateway that says what it keeps; returns it, the booking and our id."""

    def charged(fee):
        scripted = ScriptedGateway()
        booking, txn = begun(scripted)
        scripted.says[txn] = scripted.about(txn, Said.SUCCEEDED, fee=fee)
        make.settle(scripted, txn)
        return scripted, booking, txn

    return charged


def test_a_fee_is_booked_by_the_report_once_as_the_gateway_says_it(make, charged, report, row):
    scripted, booking, _ = charged(11_80)
    assert "gateway_fees" not in make.balances(booking.id)
    together(3, lambda: report(by=scripted))
    assert make.balances(booking.id) == {
        "gateway_clearing": booking.total - 11_80,
        "gateway_fees": 11_80,
        "customer_advance": -booking.total,
    }
    assert (row().outcome, row().ours.fee, row().theirs.fee) == ("matched", 11_80, 11_80)


@pytest.mark.parametrize("other", [15_00, 10_00, 0])
def test_a_fee_that_was_booked_otherwise_is_brought_to_what_the_gateway_says_by_an_admin(
    make, charged, report, row, act, other
):
    scripted, booking, txn = charged(11_80)
    report(by=scripted)
    make.run("delete from reconciliation_rows")
    scripted.says[txn] = replace(scripted.says[txn], fee=other)
    make.run("update reconciliation_days set completed_at = null")
    assert report(by=scripted)["fee_differs"] == 1
    assert (row().ours.fee, row().theirs.fee, row().actions) == (11_80, other, ["book_fee", "close"])
    assert exceptions(make) == []
    closed = act(row().id, "book_fee")
    assert (closed.actions, closed.closed_by is None) == ([], False)
    assert make.balances(booking.id).get("gateway_fees", 0) == other
    assert sum(make.balances(booking.id).values()) == 0


def test_an_admin_does_only_what_a_row_allows(make, gateway, phonepe, report, row, act):
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
        with pytest.raises(Invalid, match="action: must be one of what the row allows: compare_again, close"):
            act(row().id, action)
    with pytest.raises(Invalid, match="note"):
        act(row().id, "close")
    assert make.rows("select count(*) from audit_log") == [(0,)]


def test_closing_a_row_is_told_in_the_bookings_history_and_the_audit_log_and_closes_what_a_person_was_asked(
    make, gateway, phonepe, report, row, act
):
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


def test_rows_are_found_by_their_day_and_outcome_and_whether_they_are_open_in_one_statement(
    db, make, gateway, phonepe, begun, report, rows
):
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
