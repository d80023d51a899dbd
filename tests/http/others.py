"""Ids of another user's resources, for each role and parameter."""

from collections.abc import Callable
from uuid import uuid4

from shared.lines.home_chef.visit import CHEF
from shared.users.models import CUSTOMER
from tests.system import Client, eventually

# Parameters whose resources a role may read whoever owns them; an admin may read everything.
EVERYBODYS = {(CUSTOMER, "chef_id")}
ASHA = "(select id from users where email = 'asha@sizzle.example')"


class Others:
    """Resources of another customer and another chef, created on first use."""

    def __init__(self, customer: Client) -> None:
        self.system, self.customer = customer.system, customer
        self._made: dict[Callable[[Others], str], str] = {}

    def id_of(self, role: str, name: str) -> str:
        """Return an id for this parameter that users of this role do not own."""
        make = MADE.get((role, name))
        assert make, f"say in tests/http/others.py how to make the `{name}` that a {role} does not own"
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def address(self) -> str:
        return self.customer.address()

    def booking(self) -> str:
        return str(self.customer.book()["id"])

    def attempt(self) -> str:
        page = self.customer.post("/payments/initiate", {"booking_id": self.booking()})
        return str(page.json()["merchant_txn_id"])

    def quote(self) -> str:
        return str(self.customer.post("/customer/quotes", self.customer.booking_body()).json()["id"])

    def notification(self) -> str:
        """Pay a booking and return the id of its customer's notification."""
        self.customer.pay(self.booking())
        find = "select n.id from notifications n join users u on u.id = n.user_id where u.email = :email limit 1"
        [[notification_id]] = eventually(lambda: self.system.sql(find, email=self.customer.email))
        return str(notification_id)

    def slot(self) -> str:
        [[slot]] = self.system.sql(f"select id from provider_availability where provider_id = {ASHA} limit 1")
        return str(slot)

    def day_off(self) -> str:
        insert = "insert into provider_days_off (id, provider_id, day) values"
        [[added]] = self.system.sql(f"{insert} (:id, {ASHA}, '2099-01-01') returning id", id=uuid4())
        return str(added)


MADE: dict[tuple[str, str], Callable[[Others], str]] = {
    (CUSTOMER, "address_id"): Others.address,
    (CUSTOMER, "booking_id"): Others.booking,
    (CUSTOMER, "quote_id"): Others.quote,
    (CUSTOMER, "txn"): Others.attempt,
    (CUSTOMER, "notification_id"): Others.notification,
    (CHEF, "booking_id"): Others.booking,
    (CHEF, "slot_id"): Others.slot,
    (CHEF, "day_off_id"): Others.day_off,
    (CHEF, "notification_id"): Others.notification,
}
