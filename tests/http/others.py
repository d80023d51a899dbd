"""What exists and belongs to somebody else: for each role and each parameter that names it."""

from collections.abc import Callable
from uuid import uuid4

from shared.lines.home_chef.lifecycle import CHEF
from shared.users.models import CUSTOMER
from tests.system import Client

# What a role may see whoever it belongs to; an admin sees everything.
EVERYBODYS = {(CUSTOMER, "chef_id")}


class Others:
    """Things of another customer and another chef, made when they are first asked for."""

    def __init__(self, customer: Client) -> None:
        self.system, self.customer = customer.system, customer
        self._made: dict[Callable[[Others], str], str] = {}

    def id_of(self, role: str, name: str) -> str:
        """Return what this parameter may name and people of this role do not own."""
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
        return str(self.customer.post("/customer/quotes", self.customer.wish()).json()["id"])

    def notification(self) -> str:
        """Tell the other customer something: no endpoint says anything to a person for the asking."""
        [[told]] = self.system.sql(
            "insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)"
            " select :id, id, 'home_chef', 'booked', :id, :key, '{}', now() from users where email = :email returning id",
            id=uuid4(),
            key=f"others:{uuid4()}",
            email=self.customer.email,
        )
        return str(told)


MADE: dict[tuple[str, str], Callable[[Others], str]] = {
    (CUSTOMER, "address_id"): Others.address,
    (CUSTOMER, "booking_id"): Others.booking,
    (CUSTOMER, "quote_id"): Others.quote,
    (CUSTOMER, "txn"): Others.attempt,
    (CUSTOMER, "notification_id"): Others.notification,
    (CHEF, "booking_id"): Others.booking,
    (CHEF, "notification_id"): Others.notification,
}
