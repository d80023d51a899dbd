"""The database's own ledger rules: transactions sum to zero, and stored ones never change."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from shared.kit.database import ConstraintViolated
from shared.kit.ids import new_id
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.ledger.postings import AccountCode, Kind, Parts, Posting
from tests.make import run_concurrently

SAME_DATABASE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def post(db, now, lines, kind=Kind.CAPTURED, source=None, booking=None):
    with db.transaction() as session:
        ledger.post(session, kind, source or new_id(), booking or new_id(), lines, at=now)


def balances(db, booking=None):
    with db.reading() as session:
        return ledger.balances(session, booking)


def test_unbalanced_postings_are_refused_at_commit(db, now):
    lines = [Posting(AccountCode.GATEWAY_CLEARING, 100), Posting(AccountCode.CUSTOMER_ADVANCE, -99)]
    with pytest.raises(ConstraintViolated, match="ledger_balanced"):
        post(db, now, lines)
    assert balances(db) == {}


def test_transaction_without_postings_is_refused(db, now):
    with pytest.raises(ConstraintViolated, match="ledger_balanced"):
        post(db, now, [])


def test_later_posting_to_transaction_is_refused(db, now):
    post(db, now, postings.captured(100))
    with pytest.raises(ConstraintViolated, match="ledger_balanced"), db.transaction() as session:
        session.execute(
            text("""
            insert into ledger_postings (id, transaction_id, account, amount)
            select gen_random_uuid(), id, 'cash', 5 from ledger_transactions""")
        )
    assert balances(db) == {"gateway_clearing": 100, "customer_advance": -100}


@pytest.mark.parametrize("table", ["ledger_transactions", "ledger_postings"])
@pytest.mark.parametrize(
    "statement", ["update {} set id = id", "delete from {}", "truncate {} cascade", "delete from {} where false"]
)
def test_ledger_cannot_be_changed_deleted_or_truncated(db, now, table, statement):
    post(db, now, postings.captured(100))
    with pytest.raises(ConstraintViolated, match="ledger_append_only"), db.transaction() as session:
        session.execute(text(statement.format(table)))
    assert balances(db) == {"gateway_clearing": 100, "customer_advance": -100}


def test_posting_of_zero_or_to_unknown_account_is_refused(db, now):
    post(db, now, postings.captured(100))
    insert = text("""
    insert into ledger_postings (id, transaction_id, account, amount)
    select gen_random_uuid(), id, :account, :amount from ledger_transactions""")
    with pytest.raises(ConstraintViolated, match="fk_ledger_postings_account"), db.transaction() as session:
        session.execute(insert, {"account": "pocket", "amount": 5})
    with pytest.raises(ConstraintViolated, match="ck_ledger_postings_amount"), db.transaction() as session:
        session.execute(insert, {"account": "cash", "amount": 0})


def test_one_source_fact_is_posted_once(db, now):
    source, booking = new_id(), new_id()
    for _ in range(3):
        post(db, now, postings.captured(100), source=source, booking=booking)
    post(db, now, postings.refund_done(100), Kind.REFUND_DONE, source, booking)
    assert balances(db, booking) == {"gateway_clearing": 0, "customer_advance": -100, "refunds_payable": 100}


def test_concurrent_posts_of_one_fact_are_one(db, now):
    source = new_id()
    run_concurrently(8, lambda: post(db, now, postings.captured(100), source=source))
    assert balances(db) == {"gateway_clearing": 100, "customer_advance": -100}


def test_balances_cover_everything_or_one_booking(db, now):
    one, other = new_id(), new_id()
    post(db, now, postings.captured(100), booking=one)
    post(db, now, postings.captured(40), booking=other)
    assert balances(db, one) == {"gateway_clearing": 100, "customer_advance": -100}
    assert balances(db) == {"gateway_clearing": 140, "customer_advance": -140}
    assert balances(db, new_id()) == {}


paise = st.integers(min_value=1, max_value=50_000_000)


@SAME_DATABASE
@given(provider=st.integers(0, 10**7), platform=st.integers(0, 10**6), gst=st.integers(0, 10**6), share=st.floats(0, 1))
def test_every_visits_postings_are_accepted(db, make, now, provider, platform, gst, share):
    parts = Parts(provider, platform, gst)
    if parts.total == 0:
        return
    chef = make.chef()
    retained = max(1, round(parts.total * share))
    booking = new_id()
    post(db, now, postings.completed(parts, chef.id), Kind.COMPLETED, booking=booking)
    post(db, now, postings.kept_on_cancellation(retained, parts, chef.id), Kind.KEPT, booking=booking)
    post(db, now, postings.kept_on_cancellation(retained, parts, None), Kind.KEPT, booking=booking)
    stored = balances(db, booking)
    assert sum(stored.values()) == 0
    assert stored["customer_advance"] == parts.total + 2 * retained


@SAME_DATABASE
@given(amount=paise)
def test_transfers_of_any_amount_are_accepted(db, now, amount):
    booking = new_id()
    for transfer in (
        postings.captured,
        postings.cash_taken,
        postings.owed_back,
        postings.refund_decided,
        postings.refund_done,
        postings.gateway_fee,
    ):
        post(db, now, transfer(amount), booking=booking)
    assert sum(balances(db, booking).values()) == 0


@SAME_DATABASE
@given(amounts=st.lists(st.integers(-1000, 1000).filter(bool), min_size=1, max_size=5))
def test_database_accepts_exactly_balanced_postings(db, now, amounts):
    lines = [Posting(AccountCode.CASH, amount) for amount in amounts]
    try:
        post(db, now, lines)
        accepted = True
    except ConstraintViolated:
        accepted = False
    assert accepted == (sum(amounts) == 0)
