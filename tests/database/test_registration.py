"""Chefs: registered once, verified by an admin, signed out on deactivation, and every change audited."""

from contextlib import contextmanager, suppress
from datetime import timedelta
from uuid import UUID

import pytest

from infra.admin import make_admin
from infra.postgres.engine import PostgresDatabase
from shared.appointments import assignment
from shared.appointments.providers import queries, registration
from shared.appointments.providers.schemas import ProviderQuery
from shared.audit.context import AuditContext
from shared.bookings.history import Actor
from shared.bookings.promotion import Blocked, HasBookings, HasRole
from shared.kit.database import DatabaseUnavailable
from shared.kit.ids import new_id
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import ChefChange, ChefRegistration
from shared.lines.home_chef.views import chef_detail_view
from shared.lines.home_chef.visit import ChefNotFound, NoChefFree
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.users.models import ADMIN
from tests.make import LOCK, run_concurrently
from tests.round_trips import counted

LIFETIMES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
BY = AuditContext(UUID(int=7), "198.51.100.7", "request-7")


def shown(registered):
    """Return a chef as an admin sees them."""
    return chef_detail_view(registered.user, registered.provider, registered.week)


@pytest.fixture
def register(db, now):
    def register(email="asha@test.example", **overrides):
        request = ChefRegistration(**{"email": email, "name": "Asha Nair", "service_city": "Mumbai", **overrides})
        with db.transaction() as session:
            return shown(registration.register(session, LINE, request.email, request, BY, now))

    return register


@pytest.fixture
def change(db, now):
    def change(chef_id, by=BY, at=now, **overrides):
        with db.transaction() as session:
            return shown(registration.change(session, LINE, chef_id, ChefChange(**overrides), by, at))

    return change


@pytest.fixture
def deactivate(db, now):
    def deactivate(chef_id):
        with db.transaction() as session:
            registration.deactivate(session, LINE, chef_id, BY, now)

    return deactivate


@pytest.fixture
def admin(db, make):
    """Return an existing admin, as a verification needs one."""
    make_admin(db, "boss@test.example", make.now)
    [(admin_id,)] = make.rows("select id from users where role = 'admin'")
    return AuditContext(admin_id, "198.51.100.8", "request-8")


def sign_in(db, email, now):
    with db.transaction() as session:
        return sessions.begin(session, email, LIFETIMES, now)


@contextmanager
def impatient_database(url):
    """Yield a database with a very short lock timeout."""
    database = PostgresDatabase(url, 1, lock_timeout_ms=200)
    try:
        yield database
    finally:
        database.dispose()


def email_of(make, person):
    [(email,)] = make.rows("select email from users where id = :id", id=person.id)
    return email


def living(make, user_id):
    [(count,)] = make.rows("select count(*) from sessions where user_id = :id and ended_at is null", id=user_id)
    return count


def test_new_address_becomes_unverified_chef(register, make, db, now):
    chef = register(phone="+919876543210", specialties=["Kerala"], experience_years=4, hourly_rate=450)
    assert (chef.name, chef.email, chef.phone) == ("Asha Nair", "asha@test.example", "+919876543210")
    assert (chef.hourly_rate, chef.is_verified, chef.is_active, chef.availability) == (450_00, False, True, [])
    assert make.rows("select role from users where id = :id", id=chef.id) == [("chef",)]
    signed_in = sign_in(db, "asha@test.example", now)
    assert (signed_in.role, signed_in.is_new_user) == ("chef", False)


def test_customer_becomes_chef_with_same_row_signed_out(register, make, db, now):
    customer = make.customer(name="Old name", phone="+910000000000")
    sign_in(db, email_of(make, customer), now)
    chef = register(email_of(make, customer))
    assert (chef.id, chef.name, chef.phone) == (customer.id, "Asha Nair", "+910000000000")
    assert living(make, customer.id) == 0
    [(before, after)] = make.rows("select before, after from audit_log")
    assert (before["role"], after["role"]) == ("customer", "chef")


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_customer_with_open_bookings_cannot_become_chef(register, make):
    customer = make.customer()
    booking = make.booking(customer)
    with pytest.raises(HasBookings) as refused:
        register(email_of(make, customer))
    assert refused.value.members == {"bookings": [booking.ref]}
    assert make.rows("select role from users where id = :id", id=customer.id) == [("customer",)]
    assert make.rows("select * from audit_log") == []
    make.run(
        "update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned', provider_id = null"
    )
    assert register(email_of(make, customer)).id == customer.id


def test_chef_admin_or_blocked_customer_cannot_become_chef(register, make, db, now):
    chef, blocked = make.chef(), make.customer(is_active=False)
    make_admin(db, "boss@test.example", now)
    for email, refusal in (
        (email_of(make, chef), HasRole),
        ("boss@test.example", HasRole),
        (email_of(make, blocked), Blocked),
    ):
        with pytest.raises(refusal):
            register(email)


def test_concurrent_registrations_register_one(register, make):
    """Fails when the address is looked up before the insert: the loser violates the unique index, a 500."""
    outcomes = run_concurrently(5, register)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ChefDetailView"] + ["HasRole"] * 4
    assert make.rows("select count(*) from providers") == [(1,)]


def test_chef_is_offered_visits_once_verified(register, change, make, admin, now):
    customer, chef = make.customer(), register()
    make.run("insert into provider_availability (id, provider_id, weekday, starts, ends) select gen_random_uuid(), :chef, day, 480, 1380 from generate_series(0, 6) day", chef=chef.id)  # fmt: skip
    with pytest.raises(NoChefFree):
        make.booking(customer)
    verified = change(chef.id, by=admin, is_verified=True, verification_reference="FSSAI 1")
    assert (verified.verified_by, verified.verified_at, verified.verification_reference) == (admin.id, now, "FSSAI 1")
    assert make.booking(customer).chef_id == chef.id


def test_verifier_is_recorded_until_unverified(register, change, admin, now):
    chef = register()
    change(chef.id, by=admin, is_verified=True, verification_reference="FSSAI 1")
    again = change(chef.id, by=BY, at=now + timedelta(days=1), is_verified=True, bio="Grills")
    assert (again.verified_by, again.verified_at, again.bio) == (admin.id, now, "Grills")
    off = change(chef.id, is_verified=False)
    assert (off.is_verified, off.verified_by, off.verified_at, off.verification_reference) == (False, None, None, None)


def test_partial_change_keeps_omitted_and_clears_null_text(register, change):
    chef = register(bio="Grills", phone="+919876543210")
    changed = change(chef.id, bio=None, hourly_rate=500, is_available=False)
    assert changed == chef.model_copy(update={"bio": None, "hourly_rate": 500_00, "is_available": False})


def test_deactivated_chef_is_signed_out_and_may_return(deactivate, change, make, db, now):
    customer, chef = make.customer(), make.chef()
    sign_in(db, email_of(make, chef), now)
    deactivate(chef.id)
    assert living(make, chef.id) == 0
    assert sign_in(db, email_of(make, chef), now) is None
    with pytest.raises(NoChefFree):
        make.booking(customer)
    deactivate(chef.id)
    assert make.rows("select is_available, is_verified from providers") == [(True, True)]
    change(chef.id, is_active=True)
    assert make.booking(customer).chef_id == chef.id


def test_every_profile_change_increases_calendar_version(register, change, deactivate, make):
    chef = register()
    versions = []
    for act in (lambda: change(chef.id, is_available=False), lambda: deactivate(chef.id), lambda: None):
        versions += make.rows("select calendar_version from providers")
        act()
    assert versions == sorted(set(versions))


def test_week_change_waits_for_concurrent_booking(register, make, db, database_url):
    """Fails when `queries.lock_calendar` does not lock the row: the week changes while a visit is booked in the old
    one."""
    chef = register()
    with db.transaction() as session:
        session.execute(LOCK, {"id": chef.id})
        with (
            pytest.raises(DatabaseUnavailable),
            impatient_database(database_url) as other,
            other.transaction() as waiting,
        ):
            registration.set_week(waiting, LINE, chef.id, [], BY, make.now)
    assert make.rows("select calendar_version from providers") == [(0,)]


def test_missing_chef_is_not_found(change, deactivate, make, db):
    customer = make.customer()
    for chef_id in (customer.id, new_id()):
        with pytest.raises(ChefNotFound):
            change(chef_id, bio="x")
        with pytest.raises(ChefNotFound):
            deactivate(chef_id)
        with pytest.raises(ChefNotFound), db.reading() as session:
            registration.find(session, LINE, chef_id)


def test_every_change_is_audited_and_rolled_back_together(register, change, deactivate, make, db):
    chef = register()
    change(chef.id, bio="Grills")
    deactivate(chef.id)
    rows = make.rows("select action, before, after, actor_id, address, subject_id from audit_log order by action")
    assert [row[:3] for row in rows[:2]] == [
        ("chef.changed", {"bio": None}, {"bio": "Grills"}),
        ("chef.deactivated", {"is_active": True}, {"is_active": False}),
    ]
    assert {row[3:] for row in rows} == {(BY.id, BY.address, chef.id)}
    with suppress(RuntimeError), db.transaction() as session:
        registration.change(session, LINE, chef.id, ChefChange(bio="Curries"), BY, make.now)
        session.flush()
        raise RuntimeError
    assert make.rows("select count(*) from audit_log") == [(3,)]


def page(db, **query):
    with db.reading() as session:
        rows, cursor = queries.list_providers(session, LINE, ProviderQuery(**query))
    return [user.email for user, _ in rows], cursor


def test_chefs_are_searched_and_filtered(db, make, register, change, deactivate, admin):
    register("asha@test.example", name="Asha 100%_Nair", phone="+919876543210", service_city="Mumbai")
    ravi = register("ravi@test.example", name="Ravi Khanna", phone="9876500000", service_city="Pune")
    make.customer(name="Asha who books")
    for search in ("nair", "ASHA@", "+9198765", "919876543", "mum", "100%_", "%", "_"):
        assert page(db, q=search)[0] == ["asha@test.example"], search
    for search in ("sha@", "543210", "bai", "+", "\\"):
        assert page(db, q=search)[0] == [], search
    assert page(db, city="PUNE")[0] == ["ravi@test.example"]
    change(ravi.id, by=admin, is_verified=True)
    assert page(db, is_verified="true")[0] == ["ravi@test.example"]
    deactivate(ravi.id)
    assert page(db, is_active="false")[0] == ["ravi@test.example"]
    assert page(db, is_active="true", is_verified="false", city="mumbai", q="asha")[0] == ["asha@test.example"]


def test_chef_pages_are_stable_while_chefs_are_added(db, make, now, register):
    """Fails with pages by offset: a chef registered in between shifts all others by one."""
    made = []
    for number in range(5):
        make.run("update users set created_at = created_at - interval '1 hour'")
        made.append(register(f"chef{number}@test.example").email)
    first, cursor = page(db, limit=2)
    with db.transaction() as session:
        request = ChefRegistration(email="late@test.example", name="Late", service_city="Mumbai")
        registration.register(session, LINE, request.email, request, BY, now + timedelta(minutes=1))
    second, cursor = page(db, limit=2, cursor=cursor)
    third, cursor = page(db, limit=2, cursor=cursor)
    assert first + second + third == made[::-1]
    assert cursor is None


@pytest.mark.parametrize("count", [1, 4])
def test_page_of_chefs_is_one_statement(db, register, count):
    for number in range(count):
        register(f"chef{number}@test.example")
    with counted() as seen:
        assert len(page(db)[0]) == count
    assert len(seen.statements) == 1


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_registration_cost_is_independent_of_bookings(make, register):
    make.chef()
    costs = []
    for visits in (0, 2):
        customer = make.customer()
        for number in range(visits):
            make.booking(customer, booking_date=make.day(3 + number))
        make.run(
            "update bookings set status = 'cancelled', payment_status = 'failed', acceptance = 'unassigned', provider_id = null"
        )
        with counted() as seen:
            register(email_of(make, customer))
        costs.append(len(seen.statements))
    assert costs[0] == costs[1]


def test_deactivation_by_admin_reassigns_visits(deactivate, make, db, now):
    booking = make.booking()
    other = make.chef()
    deactivate(booking.chef_id)
    assert assignment.release_all(db, LINE, booking.chef_id, Actor(ADMIN, BY.id), now) == 1
    assert make.stored(booking.id).provider_id == other.id
    events = make.rows("select actor, actor_id from booking_events where kind = 'chef_left'")
    assert events == [(ADMIN, BY.id)]
