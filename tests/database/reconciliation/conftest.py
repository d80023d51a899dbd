"""Fixtures that run and read the reconciliation report."""

import pytest

from functions import gateways
from functions.wiring import line
from shared.kit.paging import PageQuery
from shared.payments import queries as payments
from shared.payments import refunding
from shared.payments.reconciliation import deciding, queries
from shared.payments.reconciliation import report as reconciliation
from shared.payments.reconciliation.comparison import Action
from shared.payments.reconciliation.schemas import RowAction, RowsQuery
from shared.payments.reconciliation.views import day_view, row_view
from tests.database.reconciliation.night import NIGHT
from tests.make import always


@pytest.fixture
def report(db, gateway, now):
    def report(after=NIGHT, by=gateway):
        return reconciliation.report(db, always(by), now + after)

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
def handle_messages(in_process, gateway, make, monkeypatch, now):  # noqa: ARG001
    """Handle the outbox messages of these kinds, as the tasks function does."""
    from functions.tasks.handlers import handler

    monkeypatch.setattr(gateways, "gateway_named", always(gateway))

    def handle_messages(*kinds, later=NIGHT):
        waiting = "select id, kind, payload from outbox where kind = any(:kinds) and done_at is null order by due_at"
        for message_id, kind, payload in make.rows(waiting, kinds=list(kinds)):
            handler(kind)(payload, now + later)
            make.run("update outbox set done_at = now() where id = :id", id=message_id)

    return handle_messages


@pytest.fixture
def begun(make, gateway):
    """Begin a payment; returns the booking and our id."""

    def begun(by=gateway):
        make.chef()
        customer = make.customer()
        booking = make.booking(customer)
        return booking, make.page(by, customer, booking.id).merchant_txn_id

    return begun


@pytest.fixture
def refund(db, make, gateway, now):
    """Refund 100 rupees of a payment and read the gateway's answer."""

    def refund(txn):
        with db.transaction() as session:
            attempt = payments.attempt_by_our_id(session, txn)
            refund_id = refunding.decide(session, attempt, 100_00, reason="a test", now=now).id
        refunding.advance(db, always(gateway), line, refund_id, now)
        return make.rows("select merchant_refund_id from refunds where id = :id", id=refund_id)[0][0]

    return refund
