"""Requests per second and p99 of booking, listing and payment status, one worker per server, side by side.

Every booking is a new slot, asked with an Idempotency-Key by somebody whom no limit refuses; what is not answered with
success ends the measurement.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.crowds import LoadResult, crowd, written
from tests.bench.field import BARE, CREATE, GUARDED, LIST, OURS, QUEUED, STATUS, Addresses
from tests.bench.field import field as side_by_side
from tests.bench.figures import Count, Figure, Goal
from tests.bench.stage import Stage
from tests.bench.town import LISTED, Town, remember

PART: Final = "Throughput"
PACE: Final = 1_500  # requests a second that nobody here reaches: so many are at hand
SUBJECTS: Final = (OURS, BARE, GUARDED)
RATES: Final = {BARE: Goal("≥", 0.7), GUARDED: Goal("≥", 1.2)}
SLOWEST: Final = Goal("≤", 0.5)
# The rows of a booking: itself, visit, ledger, offer, history, mail, outbox message, stored response.
STORED: Final = (
    "bookings",
    "appointments",
    "payments",
    "offers",
    "booking_events",
    "notifications",
    "outbox",
    "idempotency_keys",
)


@dataclass(frozen=True)
class Plan:
    """How many clients, for how long (seconds), how often."""

    clients: tuple[int, ...]
    seconds: float
    repetitions: int


FULL: Final = Plan((1, 8, 32), 1.5, 3)
QUICK: Final = Plan((8,), 0.4, 1)


@dataclass
class Round:
    """The load results of each server for one operation, one per repetition."""

    results: dict[str, list[LoadResult]] = field(default_factory=dict)

    def note(self, name: str, result: LoadResult) -> None:
        self.results.setdefault(name, []).append(result)

    def rates(self, name: str) -> list[float]:
        return [one.rate for one in self.results[name]]

    def slowest(self, name: str) -> list[float]:
        return [one.p99 * 1000 for one in self.results[name]]


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    """Compare requests per second and p99 with both peers, and measure enqueueing a task separately."""
    plan = QUICK if quick else FULL
    with side_by_side(stage, folder) as addresses:
        contest = Contest(stage, addresses, plan)
        for operation in (CREATE, LIST, STATUS):
            contest.warm(operation)
            for clients in plan.clients:
                yield from _figures(operation, clients, contest.round(operation, clients))


class Contest:
    def __init__(self, stage: Stage, addresses: Addresses, plan: Plan) -> None:
        self._stage, self._addresses, self._plan = stage, addresses, plan
        self._town = Town(stage.make)
        remember(stage.make, stage.customer.id, LISTED + 1)  # a page and one more
        self._reads = {LIST: stage.reads()["customer"](), STATUS: stage.reads()["payments"]()}

    def warm(self, operation: str) -> None:
        """Open each server's connections; raise if a booking stores other rows at ours than at peer B."""
        left = {}
        for name in self._subjects(operation):
            before = self._rows()
            result = self._load(name, operation, 8, self._plan.seconds / 2)
            left[name] = {
                table: (count - before[table]) / len(result.latencies) for table, count in self._rows().items()
            }
        if left[OURS] != left[GUARDED]:
            raise RuntimeError(f"not the same is stored: {left}")

    def round(self, operation: str, clients: int) -> Round:
        found = Round()
        for _ in range(self._plan.repetitions):
            for name in self._subjects(operation):
                found.note(name, self._load(name, operation, clients, self._plan.seconds))
        return found

    def _subjects(self, operation: str) -> tuple[str, ...]:
        return (*SUBJECTS, QUEUED) if operation == CREATE else SUBJECTS

    def _load(self, name: str, operation: str, clients: int, seconds: float) -> LoadResult:
        url = self._addresses[name, operation]
        if operation == CREATE:
            return self._book(url, clients, seconds)
        return crowd(url, [written(self._reads[operation])], clients, seconds, again=True)

    def _book(self, url: str, clients: int, seconds: float) -> LoadResult:
        requests = self._town.bookings(int(PACE * seconds))
        before = self._booked()
        result = crowd(url, requests, clients, seconds)
        answered = len(result.latencies)
        if self._booked() - before != answered or answered == len(requests):
            raise RuntimeError(f"{answered} answers, {self._booked() - before} bookings, {len(requests)} to ask")
        self._town.give_back(requests[answered + clients :])  # each client took one more request without sending it
        return result

    def _booked(self) -> int:
        return self._rows()["bookings"]

    def _rows(self) -> dict[str, int]:
        counts = ", ".join(f"(select count(*) from {table})" for table in STORED)
        [row] = self._stage.make.rows(f"select {counts}")
        return dict(zip(STORED, row, strict=True))


def _figures(operation: str, clients: int, found: Round) -> Iterator[Figure]:
    what = f"{operation}, {clients} client{'s' if clients > 1 else ''}"
    for peer, goal in RATES.items():
        yield Figure(PART, what, "requests/s", found.rates(OURS), peer, found.rates(peer), goal)
    goal = SLOWEST if clients > 1 else None
    yield Figure(PART, f"{what}, p99", "ms", found.slowest(OURS), GUARDED, found.slowest(GUARDED), goal)
    if QUEUED in found.results:
        yield Figure(PART, f"{what}, task handed over", "requests/s", found.rates(QUEUED), OURS, found.rates(OURS))
        yield Figure(
            PART, f"{what}, task handed over", "requests/s", found.rates(QUEUED), GUARDED, found.rates(GUARDED)
        )
