"""The HTTP requests measured on a grown database, the same whatever its size."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from tests.bench.servers import ours, serving

PAGES, TIMES = 50, ("08:00", "10:30", "13:00", "15:30", "18:00", "20:30")
Answer = tuple[int, dict[str, Any]]


@dataclass
class Served:
    """The functions on one database, each on a persistent connection, and the callers' access tokens."""

    tokens: dict[str, str]
    chef: UUID
    address: UUID
    page: int
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    cursor: str = ""

    def ask(self, who: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        role = who.partition(" ")[0]
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        method, sent = ("POST", json.dumps(body)) if body else ("GET", None)
        self.connections[role].request(method, f"/api/v1/{role}{path}", sent, headers)
        answer = self.connections[role].getresponse()
        return answer.status, json.loads(answer.read())

    def seconds(self, ask: "Ask", times: int) -> float:
        """Return the median seconds of `times` responses; reconnects first, because servers close idle connections."""
        for connection in self.connections.values():
            connection.close()
        took = []
        for _ in range(times + 1):
            role, path, body = ask(self)
            began = time.perf_counter()
            status, answer = self.ask(role, path, body)
            took.append(time.perf_counter() - began)
            assert status in {200, 201}, (path, answer)
        return sorted(took[1:])[times // 2]

    def walk(self) -> None:
        """Page through the regular customer's bookings up to page 50, and keep its cursor."""
        for _ in range(PAGES - 1):
            cursor = f"&cursor={self.cursor}" if self.cursor else ""
            _, answer = self.ask("customer", f"/bookings?limit={self.page}{cursor}")
            self.cursor = answer["next_cursor"]


Ask = Callable[[Served], tuple[str, str, dict[str, Any] | None]]


@contextmanager
def served(folder: Path, environ: dict[str, str], found: Served) -> Iterator[Served]:
    """Serve the three role functions until the block ends."""
    with ExitStack() as stack:
        for role in ("customer", "chef", "admin"):
            url = stack.enter_context(serving(ours(role), folder / f"{role}.log", **environ))
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            found.connections[role] = stack.enter_context(_closing(connection))
        found.walk()
        yield found


@contextmanager
def _closing(connection: http.client.HTTPConnection) -> Iterator[http.client.HTTPConnection]:
    try:
        yield connection
    finally:
        connection.close()


def day(ahead: int) -> date:
    return datetime.now(UTC).date() + timedelta(days=ahead)


def _book(to: Served) -> tuple[str, str, dict[str, Any]]:
    """Return a booking request for one hour at an unused time, with any free chef."""
    number = next(to.numbers)
    when = {"booking_date": str(day(4 + number // len(TIMES))), "time_slot": TIMES[number % len(TIMES)]}
    return "customer anew", "/bookings", {"address_id": str(to.address), "duration_hours": 1, **when}


def reads(role: str, path: str) -> Ask:
    return lambda to: (role, path.format(page=to.page, cursor=quote(to.cursor), address=to.address, chef=to.chef), None)


FREE = f"booking_date={day(2)}&time_slot=16:00&address_id={{address}}"
ASKS: dict[str, Ask] = {
    "Create a booking": _book,
    "A customer's bookings, the first page": reads("customer", "/bookings?limit={page}"),
    "A customer's bookings, page 50": reads("customer", "/bookings?limit={page}&cursor={cursor}"),
    "Free chefs at a time": reads("customer anew", f"/chefs?{FREE}"),
    "Free times of a day": reads("customer anew", f"/slots?booking_date={day(2)}&address_id={{address}}"),
    "A chef's visits to come": reads("chef", "/bookings?status=confirmed"),
    "A chef's visits, the first page": reads("chef", "/bookings"),
    "Bookings by status": reads("admin", "/bookings?status=confirmed"),
    "Bookings by payment status, of which there is none": reads("admin", "/bookings?payment_status=refunded"),
    "Bookings by city": reads("admin", "/bookings?city=Mumbai"),
    "Bookings by the day of the visit": reads("admin", f"/bookings?date_from={day(-5)}&date_to={day(-5)}"),
    "Bookings by reference": reads("admin", "/bookings?q=SZ-0"),
    "Bookings of a chef": reads("admin", "/bookings?provider_id={chef}"),
    "Users": reads("admin", "/users"),
    "Users by name, of which there is none": reads("admin", "/users?q=zzz"),
    "Payments": reads("admin", "/payments"),
    "Payments that failed, of which there is none": reads("admin", "/payments?state=failed"),
    "Open exceptions": reads("admin", "/exceptions"),
    "The ledger's balances": reads("admin", "/ledger"),
    "Dashboard of 30 days": reads("admin", f"/stats?from={day(-29)}&to={day(0)}"),
}  # fmt: skip
