"""Blocking a user: immediate sign-out, unpaid bookings cancelled, paid ones unchanged."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest

from functions.wiring import line
from infra.admin import make_admin
from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.audit.schemas import AuditQuery
from shared.bookings import blocking, expiry
from shared.bookings.blocking import IsProvider, NotYourself
from shared.bookings.history import Actor
from shared.bookings.queries import active_of
from shared.kit.ids import new_id
from shared.users import queries
from shared.users.models import ADMIN
from shared.users.queries import UserNotFound
from shared.users.schemas import UserChange, UserQuery
from tests.database.test_registration import email_of, living, sign_in
from tests.make import LOCK, run_concurrently
from tests.round_trips import counted

BY = AuditContext(UUID(int=7), "198.51.100.7", "request-7")
ACTOR = Actor(ADMIN, BY.id)


@pytest.fixture
def change(db, now):
    def change(user_id, *, is_active, reason=None, by=BY):
        with db.transaction() as session:
            return blocking.change(session, user_id, UserChange(is_active=is_active, reason=reason), by, now)

    return change


def test_blocked_customer_is_signed_out_until_unblocked(change, make, db, now):
    customer = make.customer()
    email = email_of(make, customer)
    sign_in(db, email, now)
    change(customer.id, is_active=False, reason="abuse")
    assert living(make, customer.id) == 0
    assert sign_in(db, email, now) is None
    change(customer.id, is_active=True)
    assert sign_in(db, email, now).user_id == customer.id
    rows = make.rows("select action, before, after from audit_log order by action")
    assert rows == [
        ("user.blocked", {"is_active": True}, {"is_active": False, "reason": "abuse"}),
        ("user.unblocked", {"is_active": False}, {"is_active": True}),
    ]


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_blocking_cancels_unpaid_and_keeps_paid_or_cash(change, make, db, gateway, phonepe, now):
    customer = make.customer()
    paid, _ = make.paid(gateway, phonepe, customer)
    unpaid = make.booking(customer, booking_date=make.day(4))
    cash = make.booking(customer, booking_date=make.day(5))
    make.run("update bookings set cash_agreed = true where id = :id", id=cash.id)
    others = make.booking(booking_date=make.day(6))
    change(customer.id, is_active=False)
    assert expiry.cancel_unpaid_of(db, line, customer.id, ACTOR, now) == 1
    assert expiry.cancel_unpaid_of(db, line, customer.id, ACTOR, now) == 0
    assert make.stored(unpaid.id).status == "cancelled"
    assert make.stored(others.id).status == "pending"
    with db.reading() as session:
        assert {booking.id for booking in active_of(session, customer.id)} == {paid.id, cash.id}
    assert ("customer_blocked", "admin", BY.id) in make.rows("select kind, actor, actor_id from booking_events")


def test_self_chef_or_missing_user_cannot_be_blocked(change, make):
    chef = make.chef()
    make_admin(make.db, "boss@test.example", make.now)
    [(admin,)] = make.rows("select id from users where role = 'admin'")
    with pytest.raises(NotYourself):
        change(admin, is_active=False, by=AuditContext(admin, "", ""))
    with pytest.raises(IsProvider) as refused:
        change(chef.id, is_active=False)
    assert f"/admin/chefs/{chef.id}" in refused.value.detail
    with pytest.raises(UserNotFound):
        change(new_id(), is_active=False)
    assert not change(admin, is_active=False).is_active
    assert make.rows("select action from audit_log where actor_id = :id", id=BY.id) == [("user.blocked",)]


def page(db, **query):
    with db.reading() as session:
        rows, cursor = queries.listed(session, UserQuery(**query))
    return [row.email for row in rows], cursor


def test_users_are_searched_by_contact_and_role(change, make, db):
    meera = make.customer(name="Meera Shah", phone="+919876543210")
    make.customer(name=None)
    chef = make.chef()
    for search in ("shah", email_of(make, meera), "9198765"):
        assert page(db, q=search)[0] == [email_of(make, meera)], search
    assert page(db, role="chef")[0] == [email_of(make, chef)]
    assert page(db, role="nobody")[0] == []
    change(meera.id, is_active=False)
    assert page(db, is_active="false")[0] == [email_of(make, meera)]
    assert len(page(db, is_active="true")[0]) == 2


def test_user_pages_are_stable_while_users_are_added(make, db, now):
    made = []
    for number in range(5):
        customer = make.customer()
        make.run(
            "update users set created_at = :at where id = :id", at=now + timedelta(hours=number // 2), id=customer.id
        )
        made.append(email_of(make, customer))
    seen, cursor = page(db, limit=2)
    make.customer()
    while cursor:
        items, cursor = page(db, limit=2, cursor=cursor)
        seen += items
    assert sorted(seen) == sorted(made)


def entries(db, **query):
    with db.reading() as session:
        rows, cursor = audit.entries(session, AuditQuery.model_validate(query))
    return [row.action for row in rows], cursor


def test_audit_log_is_newest_first_and_filtered(db, now):
    first, second, other = new_id(), new_id(), AuditContext(UUID(int=8), "", "")
    with db.transaction() as session:
        for seconds, (by, action, subject) in enumerate(
            [(BY, "chef.changed", first), (other, "chef.changed", second), (BY, "location.added", second)]
        ):
            audit.record(session, by, action, subject, None, {"n": seconds}, now + timedelta(seconds=seconds))
    everything = ["location.added", "chef.changed", "chef.changed"]
    assert entries(db)[0] == everything
    assert entries(db, actor_id=str(BY.id))[0] == ["location.added", "chef.changed"]
    assert entries(db, subject="chef")[0] == ["chef.changed"] * 2
    assert entries(db, subject_id=str(second), action="chef.changed")[0] == ["chef.changed"]
    page, cursor = entries(db, limit=2)
    with db.transaction() as session:
        audit.record(session, BY, "user.blocked", first, None, {}, now + timedelta(hours=1))
    assert page + entries(db, limit=2, cursor=cursor)[0] == everything


@pytest.mark.parametrize("count", [1, 4])
def test_page_of_users_and_audit_log_is_one_statement(change, make, db, count):
    for _ in range(count):
        change(make.customer().id, is_active=False)
    with counted() as seen:
        assert len(page(db)[0]) == len(entries(db)[0]) == count
    assert len(seen.statements) == 2


def test_concurrent_mutual_blocks_leave_one_admin(make, db, now):
    """Fails with `call.writing` in place of the endpoint's `call.locking`, as played here: both would be blocked."""
    for email in ("one@test.example", "two@test.example"):
        make_admin(db, email, now)
    first, second = (row[0] for row in make.rows("select id from users where role = 'admin'"))
    both_hold_their_own = threading.Barrier(2)

    def block(me, other):
        with db.transaction() as session:
            session.execute(LOCK, {"id": me})
            both_hold_their_own.wait(10)
            blocking.change(session, other, UserChange(is_active=False), AuditContext(me, "", ""), now)

    turns = iter([(first, second), (second, first)])
    outcomes = run_concurrently(2, lambda: block(*next(turns)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "TransactionConflict"]
    assert make.rows("select count(*) from users where is_active and role = 'admin'") == [(1,)]
