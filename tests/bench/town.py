"""A town in which no booking is refused: enough customers and chefs to stay within production's limits."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text

from shared.kit.settings import Keys
from shared.sign_in.tokens import AccessTokens
from tests.architecture.probe import SECRETS
from tests.make import Make

Request = dict[str, Any]
LISTED: Final = 20  # the default page size
PER_CUSTOMER: Final = 3  # unpaid bookings of one customer
LOT: Final = 600  # customers made at once
TIMES: Final = ("08:00", "10:30", "13:00", "15:30", "18:00", "20:30")  # two hours each, and the way between
DAYS: Final = range(2, 52)
CHEFS: Final = 64  # chefs in turn, so that no booking waits for another's lock on a chef's row

_MADE = """
with people as (
  insert into users (id, email, role, name)
  select gen_random_uuid(), 'guest-' || gen_random_uuid() || '@test.example', 'customer', 'Guest ' || n
  from generate_series(1, cast(:count as int)) n returning id
), homes as (
  insert into addresses (id, user_id, full_address, city, pincode, latitude, longitude, is_default)
  select gen_random_uuid(), id, '12 Hill Road', 'Mumbai', '400050', 19.0596, 72.8295, true from people returning id, user_id
), visits as (
  insert into sessions (id, user_id, rotated_at, expires_at, created_at)
  select gen_random_uuid(), id, now(), now() + interval '1 day', now() from people returning id, user_id
)
select homes.user_id, homes.id, visits.id from homes join visits using (user_id)
"""

# A customer's newest booking, as many times again in the weeks before it.
_HISTORY = (
    """
insert into bookings (id, line, ref, customer_id, provider_id, busy_period, status, payment_status, acceptance, city, total,
  breakdown, created_at)
select md5(b.id || 'x' || n)::uuid, line, ref || n, customer_id, provider_id,
  tstzrange(lower(busy_period) - make_interval(days => n * 7), upper(busy_period) - make_interval(days => n * 7)),
  status, payment_status, acceptance, city, total, breakdown, created_at - make_interval(days => n * 7)
from (select * from bookings where customer_id = :customer order by created_at desc limit 1) b,
  generate_series(1, cast(:count as int)) n
on conflict do nothing
""",
    """
insert into appointments (booking_id, line, address_id, address, booking_date, time_slot, time_zone, starts_at, ends_at,
  earning, cancellation, details)
select md5(booking_id || 'x' || n)::uuid, line, address_id, address, booking_date - n * 7, time_slot, time_zone,
  starts_at - make_interval(days => n * 7), ends_at - make_interval(days => n * 7), earning, cancellation, details
from (select a.* from appointments a join bookings b on b.id = a.booking_id
  where b.customer_id = :customer order by b.created_at desc limit 1) a, generate_series(1, cast(:count as int)) n
on conflict do nothing
""",
)


def remember(make: Make, customer: UUID, bookings: int) -> None:
    """Give a customer with one booking a history of this many visits to list; idempotent."""
    for statement in _HISTORY:
        make.run(statement, customer=customer, count=bookings)


class Town:
    """A supply of unused booking requests; unsent ones are returned to it."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._tokens = AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 86_400)
        self._left: list[Request] = []
        self._slots = self._free_slots()

    def bookings(self, wanted: int) -> list[Request]:
        """Return requests that each create a booking (201) once."""
        while len(self._left) < wanted:
            self._left += self._lot()
        taken, self._left = self._left[:wanted], self._left[wanted:]
        return taken

    def give_back(self, unsent: list[Request]) -> None:
        self._left = unsent + self._left

    def _lot(self) -> list[Request]:
        with self._make.db.transaction() as session:
            made = session.execute(text(_MADE), {"count": LOT}).all()
        return [self._request(*person) for _ in range(PER_CUSTOMER) for person in made]

    def _request(self, user: UUID, home: UUID, session: UUID) -> Request:
        chef, day, at = next(self._slots)
        token = self._tokens.issue(user, session, "customer", datetime.now(UTC))
        body = {
            "address_id": str(home),
            "booking_date": self._make.day(day).isoformat(),
            "time_slot": at,
            "chef_id": str(chef),
        }
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        return {"method": "POST", "path": "/api/v1/customer/bookings", "headers": headers, "body": json.dumps(body)}

    def _free_slots(self) -> Iterator[tuple[UUID, int, str]]:
        while True:
            chefs = [self._make.chef() for _ in range(CHEFS)]
            yield from ((chef.id, day, at) for day in DAYS for at in TIMES for chef in chefs)
