"""The database effect of `make admin`; tests/docs runs the command itself."""

from uuid import UUID

import pytest

from infra.admin import THE_OPERATOR, make_admin
from shared.bookings.promotion import HasBookings, HasRole
from shared.users.models import ADMIN
from tests.database.test_registration import email_of, living, sign_in


def test_command_makes_admin_of_any_user_but_a_chef(make, db, now):
    customer, chef = make.customer(), make.chef()
    sign_in(db, email_of(make, customer), now)
    assert "by mail" in make_admin(db, "boss@test.example", now)
    assert "signs in again" in make_admin(db, email_of(make, customer), now)
    assert "already" in make_admin(db, "boss@test.example", now)
    assert living(make, customer.id) == 0
    assert sign_in(db, "boss@test.example", now).role == ADMIN
    with pytest.raises(HasRole):
        make_admin(db, email_of(make, chef), now)
    rows = make.rows("select actor_id, action, before, after from audit_log order by before nulls first")
    assert rows == [
        (THE_OPERATOR.id, "user.promoted", None, {"role": "admin"}),
        (THE_OPERATOR.id, "user.promoted", {"role": "customer"}, {"role": "admin"}),
    ]
    assert THE_OPERATOR.id == UUID(int=0)


def test_command_refuses_customer_with_bookings(make, db, now):
    customer = make.customer()
    make.booking(customer)
    with pytest.raises(HasBookings):
        make_admin(db, email_of(make, customer), now)
