"""Round trips of a request, counted on the wire, and what each costs on a longer line: ours and both peers alike.

One customer sends one request after the other; each subject has its own proxy to the one database.
"""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.crowds import crowd, written
from tests.bench.field import BARE, CALLBACK, CREATE, GUARDED, LIST, OURS, STATUS, Addresses, field
from tests.bench.figures import Count, Figure, Goal
from tests.bench.line import Line
from tests.bench.stage import Stage
from tests.bench.town import LISTED, Request, Town, remember

PART: Final = "Round trips"
SUBJECTS: Final = (OURS, BARE, GUARDED)
MOST: Final = {CREATE: 4, STATUS: 3, LIST: 2, CALLBACK: 4}
MS: Final = 0.001
GOALS: Final = {
    (GUARDED, 1): Goal("≤", 0.8),
    (GUARDED, 5): Goal("≤", 0.8),
    (BARE, 5): Goal("≤", 1.0),
}
PATIENCE: Final = 60.0  # seconds for one series of requests


@dataclass(frozen=True)
class Plan:
    """How many questions in a row, how often, on lines longer by so many milliseconds."""

    questions: int
    repetitions: int
    delays: tuple[int, ...]


FULL: Final = Plan(20, 3, (0, 1, 5))
QUICK: Final = Plan(8, 1, (5,))


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    """Count the round trips of the four busiest requests, and compare their p50 at each length of the line."""
    with ExitStack() as opened:
        lines = {name: opened.enter_context(Line(stage.database_url)) for name in SUBJECTS}
        addresses = opened.enter_context(field(stage, folder, lambda name: lines.get(name, lines[OURS]).url))
        counter = TripCounter(stage, addresses, lines, QUICK if quick else FULL)
        for operation, most in MOST.items():
            yield from counter.counts(operation, most)
            yield from counter.figures(operation)


class TripCounter:
    def __init__(self, stage: Stage, addresses: Addresses, lines: dict[str, Line], plan: Plan) -> None:
        self._stage, self._addresses, self._lines, self._plan = stage, addresses, lines, plan
        self._town = Town(stage.make)
        remember(stage.make, stage.customer.id, LISTED + 1)
        self._reads = {LIST: stage.reads()["customer"](), STATUS: stage.reads()["payments"]()}

    def counts(self, operation: str, most: int) -> Iterator[Count]:
        """Count the round trips of a request once connections are open and statements are prepared."""
        for name in SUBJECTS:
            self._p50(name, operation, 0)
            before = self._lines[name].delay(0)
            self._p50(name, operation, 0)
            each = (self._lines[name].delay(0) - before) / self._plan.questions
            goal = Goal("≤", most) if name == OURS else None
            yield Count(PART, operation if name == OURS else f"{operation}, {name}", "round trips", each, goal)

    def figures(self, operation: str) -> Iterator[Figure]:
        for delay in self._plan.delays:
            found: dict[str, list[float]] = {name: [] for name in SUBJECTS}
            for _ in range(self._plan.repetitions):
                for name in SUBJECTS:
                    found[name].append(self._p50(name, operation, delay))
            for peer in (BARE, GUARDED):
                what = f"{operation}, p50 at +{delay} ms"
                yield Figure(PART, what, "ms", found[OURS], peer, found[peer], GOALS.get((peer, delay)))

    def _p50(self, name: str, operation: str, delay: int) -> float:
        self._lines[name].delay(delay * MS)
        requests = self._requests(operation)
        result = crowd(self._addresses[name, operation], requests, 1, PATIENCE)
        if len(result.latencies) < len(requests):
            raise RuntimeError(f"{name} answered {len(result.latencies)} of {len(requests)} within {PATIENCE} s")
        return statistics.median(result.latencies) / MS

    def _requests(self, operation: str) -> list[Request]:
        count = self._plan.questions
        if operation == CREATE:
            return self._town.bookings(count)
        if operation == CALLBACK:
            return [written(self._stage.callback()) for _ in range(count)]
        return [written(self._reads[operation])] * count
