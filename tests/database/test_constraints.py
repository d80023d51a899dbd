"""The database's own constraints on statuses, slots and attempts, for any writer."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import text

from shared.bookings.lifecycle import Acceptance, PaymentStatus, Status, allowed_at_commit
from shared.bookings.models import SLOT_TAKEN
from shared.kit.database import ConstraintViolated
from shared.kit.ids import new_id
from shared.payments.models import ONE_LIVE_ATTEMPT

pytestmark = pytest.mark.breaks_invariants("rows are stored one by one, without what belongs to them")

BOOKING = text("""
insert into bookings (id, line, ref, customer_id, provider_id, busy_period, status, payment_status, acceptance, city, total,
  breakdown) values (:id, :line, :ref, :customer, :provider,
  tstzrange(cast(:start as timestamptz), cast(:end as timestamptz)), :status, :payment, :acceptance, 'Mumbai', 100, '{}')
""")
ATTEMPT = text("""
insert into payment_attempts (id, payment_id, booking_id, gateway, merchant_txn_id, amount, state, capture, started_at)
select :id, p.id, p.booking_id, 'phonepe', :txn, p.amount, :state, :capture, now()
from payments p where p.booking_id = :booking
""")


@pytest.fixture
def insert(db, make, now):
    """Return a function that inserts one booking by raw SQL, by default at an hour of its own."""
    customer, chef = make.customer(), make.chef()

    def insert(status="pending", payment="pending", acceptance="awaiting", line="home_chef", **overrides):
        values = {
            "id": new_id(),
            "ref": str(new_id()),
            "line": line,
            "customer": customer.id,
            "provider": None if acceptance == "unassigned" else chef.id,
            "start": now,
            "end": now + timedelta(hours=2),
            "status": status,
            "payment": payment,
            "acceptance": acceptance,
        }
        with db.transaction() as session:
            session.execute(BOOKING, values | overrides)

    return insert


def test_database_allows_same_status_combinations_as_code(insert, now):
    disagreements = []
    for hour, (status, payment, acceptance) in enumerate(product(Status, PaymentStatus, Acceptance)):
        start = now + timedelta(hours=hour)
        try:
            insert(status, payment, acceptance, start=start, end=start + timedelta(hours=1))
            allowed = True
        except ConstraintViolated as violation:
            allowed = violation.constraint != "ck_bookings_home_chef_at_rest"
        if allowed != allowed_at_commit(status, payment, acceptance):
            disagreements.append((status, payment, acceptance, allowed))
    assert disagreements == []


def test_each_line_has_its_own_rule_of_allowed_states(insert):
    insert("pending", "success", "unassigned", line="another")


def test_visit_is_unassigned_exactly_without_chef(insert, make):
    with pytest.raises(ConstraintViolated, match="ck_bookings_home_chef_assigned"):
        insert("pending", "pending", "awaiting", provider=None)
    with pytest.raises(ConstraintViolated, match="ck_bookings_home_chef_assigned"):
        insert("confirmed", "success", "unassigned", provider=make.chef().id)


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(hours=1), timedelta(hours=-1), timedelta(minutes=119)])
def test_raw_sql_cannot_store_overlapping_active_visits(insert, now, overlap):
    insert("confirmed")
    with pytest.raises(ConstraintViolated) as refused:
        insert(start=now + overlap, end=now + overlap + timedelta(hours=2))
    assert (refused.value.constraint, refused.value.sqlstate) == (SLOT_TAKEN, "23P01")


def test_adjacent_or_ended_visits_do_not_overlap(insert, now):
    insert()
    insert(start=now + timedelta(hours=2), end=now + timedelta(hours=4))
    insert("cancelled", "failed", "accepted")
    insert("completed", "success", "accepted")


def test_reactivating_overlapping_booking_is_refused(insert, db):
    insert("cancelled", "success", "accepted")
    insert("confirmed", "success", "accepted")
    with pytest.raises(ConstraintViolated, match=SLOT_TAKEN), db.transaction() as session:
        session.execute(text("update bookings set status = 'confirmed' where status = 'cancelled'"))


@pytest.fixture
def attempt(db, make):
    booking = make.booking()

    def attempt(state, capture=None):
        with db.transaction() as session:
            values = {"id": new_id(), "txn": str(new_id()), "booking": booking.id}
            session.execute(ATTEMPT, {**values, "state": state, "capture": capture})

    return attempt


@pytest.mark.parametrize(("first", "second"), [*product(["created", "pending"], repeat=2)])
def test_booking_has_one_live_attempt(attempt, first, second):
    attempt(first)
    with pytest.raises(ConstraintViolated, match=ONE_LIVE_ATTEMPT):
        attempt(second)


def test_many_ended_attempts_but_one_pays_the_booking(attempt):
    attempt("failed")
    attempt("failed")
    attempt("mismatched")
    attempt("succeeded", "applied")
    attempt("succeeded", "duplicate")
    attempt("pending")
    with pytest.raises(ConstraintViolated, match="uq_payment_attempts_applied"):
        attempt("succeeded", "applied")


def test_only_successful_attempts_have_a_capture_kind(attempt):
    with pytest.raises(ConstraintViolated, match="capture_known"):
        attempt("succeeded")
    with pytest.raises(ConstraintViolated, match="capture_known"):
        attempt("failed", "applied")
