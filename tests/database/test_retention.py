"""Old rows are deleted in batches; records of money, visits and changes remain."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from functions import wiring
from shared.idempotency import queries as idempotency
from shared.idempotency.queries import Key, Replayed
from shared.inbox import queries as inbox
from shared.invariants.run import breaches
from shared.kit import retention
from shared.kit.ids import new_id
from shared.lines.home_chef import quotes
from shared.lines.home_chef.line import LINE
from shared.outbox import queries as outbox
from shared.outbox.pending import PENDING
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from tests.make import QUOTES, run_concurrently

MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MONEY = ["payments", "payment_attempts", "refunds", "ledger_transactions", "ledger_postings", "invoices"]
RETAINED_TABLES = [*MONEY, "bookings", "booking_events", "notifications", "audit_log", "offers", "exceptions", "users"]


@pytest.fixture
def purge(in_process):  # noqa: ARG001 - an imported function reads its settings
    """Run the purge job on the test's database."""
    from functions.schedule.maintenance import purge

    return purge


def count(make, table):
    return make.rows(f"select count(*) from {table}")[0][0]


def message(db, now):
    with db.transaction() as session:
        outbox.enqueue(session, "nobody.knows", {}, now)
        [message] = session.info[PENDING]
    return message.id


def done(db, now):
    message_id = message(db, now)
    with db.transaction() as session:
        outbox.mark_done(session, message_id, now)


def looked_into(db, now):
    with db.transaction() as session:
        inbox.receive(session, "phonepe", str(now).encode(), "nobody.knows", now)
        session.flush()
        message_id = session.execute(text("select id from inbox")).scalar_one()
        inbox.mark_processed(session, message_id, "SZ_1", "succeeded", now)
        session.execute(text("delete from outbox"))


def answered(db, now):
    with db.transaction() as session:
        idempotency.store(session, Key(new_id(), "POST /x", "k", "f"), 201, {}, now)


def reconciled(db, now):
    added = "insert into reconciliation_runs (id, started_at, asked, silent, failed, given_up) values (:id, :at, 1, 0, 0, 0)"
    with db.transaction() as session:
        session.execute(text(added), {"id": new_id(), "at": now})


@pytest.mark.parametrize(
    ("room", "keep", "add"),
    [
        ("outbox", retention.OUTBOX_MESSAGES, done),
        ("inbox", retention.INBOX_MESSAGES, looked_into),
        ("idempotency_keys", retention.ANSWERS, answered),
        ("reconciliation_runs", retention.RECONCILIATIONS, reconciled),
    ],
)
def test_rows_are_deleted_exactly_at_their_age(db, make, purge, now, room, keep, add):
    add(db, now)
    assert purge(now + keep)[room] == 0
    assert count(make, room) == 1
    assert purge(now + keep + MICROSECOND)[room] == 1
    assert count(make, room) == 0


def test_session_ages_from_its_end_or_expiry(db, make, purge, now):
    admin = make.admin()
    [(email,)] = make.rows("select email from users where id = :id", id=admin.id)
    lives = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
    with db.transaction() as session:
        ended, _ = (sessions.begin(session, email, lives, now) for _ in range(2))
        sessions.end(session, ended.session_id, "logout", now + HOUR)
    over = now + retention.SESSIONS
    assert purge(over + HOUR)["sessions"] == 0
    assert purge(over + 2 * HOUR)["sessions"] == 1
    assert purge(over + 12 * HOUR + MICROSECOND)["sessions"] == 1


def test_quote_is_deleted_after_a_month_booking_remains(db, make, purge, now):
    customer = make.customer()
    make.chef()
    with db.transaction() as session:
        for _ in range(2):
            quote = quotes.create(session, LINE, customer.id, make.request(customer), QUOTES, now, None)
    booking = make.booking(customer)
    make.run("update home_chef_quotes set booking_id = :booking where id = :id", booking=booking.id, id=quote.id)
    expired = now + QUOTES.valid_for + retention.QUOTES
    assert purge(expired)["home_chef"] == 0
    assert purge(expired + MICROSECOND)["home_chef"] == 2
    assert make.stored(booking.id).total == booking.total


def test_unfinished_rows_are_never_deleted(db, make, purge, now):
    message(db, now)
    dying = message(db, now)
    make.run("update outbox set dead_at = created_at where id = :id", id=dying)
    with db.transaction() as session:
        inbox.receive(session, "phonepe", b"{}", "nobody.knows", now)
    assert set(purge(now + timedelta(days=1000)).values()) == {0}
    assert (count(make, "outbox"), count(make, "inbox")) == (3, 1)


def test_money_visits_and_audit_are_kept_forever(make, gateway, phonepe, purge, now):
    booking, _ = make.paid(gateway, phonepe)
    make.step(booking, "confirmed", "in_progress", "completed")
    before = {table: count(make, table) for table in RETAINED_TABLES}
    purge(now + timedelta(days=10_000))
    assert {table: count(make, table) for table in RETAINED_TABLES} == before
    assert before["invoices"] == 1


def many(make, now, rows):
    make.run(
        "insert into outbox (id, kind, payload, created_at, due_at, next_try_at, done_at) select gen_random_uuid(),"
        " 'nobody.knows', '{}', :at, :at, :at, cast(:at as timestamptz) + n * interval '1 second'"
        " from generate_series(1, cast(:rows as int)) n",
        at=now,
        rows=rows,
    )


def test_batches_delete_until_time_is_up(make, purge, now, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    many(make, now, 25)
    later = now + retention.OUTBOX_MESSAGES + HOUR
    monkeypatch.setattr(retention, "SECONDS", 0.0)
    assert purge(later)["outbox"] == 0
    monkeypatch.setattr(retention, "SECONDS", 60.0)
    assert purge(later)["outbox"] == 25


def test_concurrent_purges_delete_different_rows(db, make, purge, now):
    """Fails (it waits for the read timeout) without `skip locked`."""
    many(make, now, 30)
    later = now + retention.OUTBOX_MESSAGES + HOUR
    with db.transaction() as session:
        assert outbox.purge(session, later, 10) == 10
        assert purge(later)["outbox"] == 20
    many(make, now, 30)
    assert sum(did["outbox"] for did in run_concurrently(3, lambda: purge(later))) == 30


def test_key_expires_before_its_deletion(db, now):
    """An expired key is ignored at once; the nightly purge only frees its space."""
    key = Key(new_id(), "POST /x", "k", "f")
    with db.transaction() as session:
        idempotency.store(session, key, 201, {}, now)
    with db.reading() as session:
        with pytest.raises(Replayed):
            idempotency.replay(session, key, now + retention.ANSWERS - MICROSECOND)
        idempotency.replay(session, key, now + retention.ANSWERS)


def test_old_rows_are_found_by_an_index(db, make, now):
    """Fails without the index: each night would read every message."""
    many(make, now, 5000)
    make.run("analyze outbox")
    statements = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        statements.append((f"explain {statement}", parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with db.transaction() as session:
            outbox.purge(session, now + retention.OUTBOX_MESSAGES + timedelta(minutes=1), 10)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with db.reading() as session:
        [statement] = statements
        plan = "\n".join(row[0] for row in session.connection().exec_driver_sql(*statement))
    assert "ix_outbox_done_at" in plan
    assert "Seq Scan" not in plan


@pytest.mark.breaks_invariants("what is deleted a month later is missed today")
def test_no_invariant_needs_deleted_rows(make, gateway, phonepe, db, purge, now):
    """Fails when an invariant expects a message longer than it is retained."""
    make.paid(gateway, phonepe)
    with db.transaction() as session:
        inbox.receive(session, "phonepe", b"{}", "payments.callback", now)
    make.run("update inbox set processed_at = :now, outcome = 'succeeded'", now=now)
    make.run("update outbox set done_at = :now", now=now)
    later = now + retention.OUTBOX_MESSAGES + MICROSECOND
    assert purge(later)["outbox"] > 0
    about_outbox = {name: sql for name, sql in wiring.invariants().items() if "outbox" in sql}
    assert len(about_outbox) == 2
    with db.reading() as session:
        assert breaches(session, about_outbox, later) == []
