"""Contention for one chef: 200 clients for one slot, 8 for all slots, on our function and peer B."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from infra.postgres.engine import PostgresDatabase
from tests.bench.contention.people import SLOTS, Member, World, world
from tests.bench.field import sink
from tests.bench.figures import Count, Figure, Goal
from tests.bench.servers import DEPLOYED, ROOT, Subject, ours, peer, serving
from tests.bench.stage import Stage
from tests.make import Make, Person

PART = "Contention"
CROWD, WORKERS = 200, 8
PATH = "/api/v1/customer/bookings"
BOUNDLESS = {"UNPAID_BOOKINGS_PER_CUSTOMER": "1000000", "BOOKINGS_PER_HOUR": "1000000"}
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
STORED = "select count(*) from bookings where provider_id = :chef"


@dataclass
class Rush:
    """The responses a crowd received, and how many of its bookings are stored."""

    lasted: float
    latencies: list[float]
    statuses: Counter[str]
    stored: int

    def at(self, percent: int) -> float:
        """Return this percentile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]

    @property
    def booked(self) -> int:
        return self.statuses["201"]


@dataclass
class Side:
    """One of the two compared servers, on a database of its own, with its results."""

    subject: Subject
    make: Make
    url: str = ""
    at_one_slot: list[Rush] = field(default_factory=list)
    at_one_chef: list[Rush] = field(default_factory=list)

    def crowd(self, program: Sequence[str], members: list[dict[str, object]], chef: Person) -> Rush:
        lines = "\n".join(json.dumps({"method": "POST", "path": PATH, **one}) for one in members)
        command = [sys.executable, "-m", *(part.format(port=urlsplit(self.url).port) for part in program)]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, check=True)
        result = json.loads(done.stdout)
        [(stored,)] = self.make.rows(STORED, chef=chef.id)
        if "201" not in result["statuses"]:
            raise RuntimeError(f"{self.subject.name} answered {result['statuses']}")
        return Rush(result["lasted"], result["latencies"], Counter(result["statuses"]), stored)


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    repetitions, days = (1, 8) if quick else (5, 50)
    known = world(CROWD + WORKERS * (repetitions + 1), 2 * (repetitions + 1))
    sides = [_side(known, ours("customer")), _side(known, peer("guarded"))]
    with ExitStack() as running, sink(folder / "sink.log") as tasks:
        environ = stage.environ | DEPLOYED | BOUNDLESS | {"CLOUD_TASKS_URL": tasks}
        for side, url in sides:
            known_as = environ | {"DATABASE_URL": url}
            side.url = running.enter_context(serving(side.subject, folder / f"{side.subject.name}.log", **known_as))
        for nth in range(repetitions + 1):
            for side, _ in sides:
                _one_slot(side, known, nth)
                _one_chef(side, known, nth, days if nth else 2)
    yield from _figures(*(side for side, _ in sides))


def _side(known: World, subject: Subject) -> tuple[Side, str]:
    url = known.copy()
    return Side(subject, Make(PostgresDatabase(url, 1), known.now)), url


def _one_slot(side: Side, known: World, nth: int) -> None:
    chef = known.chefs[2 * nth]
    bookings = [member.booking(chef, known.day(3 + nth), "12:00") for member in known.members[:CROWD]]
    side.at_one_slot.append(side.crowd(("tests.bench.rush", "{port}"), bookings, chef))


def _one_chef(side: Side, known: World, nth: int, days: int) -> None:
    chef, first = known.chefs[2 * nth + 1], CROWD + WORKERS * nth
    bookings = different_slots(known, known.members[first : first + WORKERS], chef, days)
    side.at_one_chef.append(side.crowd(("tests.bench.load", "{port}", str(WORKERS), "60"), bookings, chef))


def different_slots(known: World, members: Sequence[Member], chef: Person, days: int) -> list[dict[str, object]]:
    """Return requests for every slot of so many days, the members in turn."""
    wanted = product(range(3, 3 + days), SLOTS)
    return [members[nth % len(members)].booking(chef, known.day(day), slot) for nth, (day, slot) in enumerate(wanted)]


def _figures(mine: Side, theirs: Side) -> Iterator[Figure | Count]:
    for side in (mine, theirs):
        del side.at_one_slot[0], side.at_one_chef[0]  # the warm-up
    one, other = mine.at_one_slot, theirs.at_one_slot
    for percent in (50, 99):
        pair = [rush.at(percent) for rush in one], [rush.at(percent) for rush in other]
        yield Figure(PART, f"one slot, {CROWD} at once, p{percent}", "ms", pair[0], "B", pair[1], Goal("≤", 1))
    lasted = [[1000 * rush.lasted for rush in rushes] for rushes in (one, other)]
    yield Figure(PART, f"one slot, {CROWD} at once, all answered", "ms", lasted[0], "B", lasted[1], Goal("≤", 1))
    rates = [[rush.booked / rush.lasted for rush in side.at_one_chef] for side in (mine, theirs)]
    yield Figure(PART, f"one chef, {WORKERS} at once", "bookings/s", rates[0], "B", rates[1], Goal("≥", 1))
    yield from _counts(mine)


def _counts(mine: Side) -> Iterator[Count]:
    slots, evenings = mine.at_one_slot, mine.at_one_chef
    made = max(rush.stored for rush in slots)
    refused = min(rush.statuses["409:chef_unavailable"] for rush in slots)
    yield Count(PART, f"bookings made of one slot by {CROWD}", "bookings", made, Goal("≤", 1))
    yield Count(PART, f"refused as chef_unavailable of {CROWD}", "answers", refused, Goal("≥", CROWD - 1))
    lost = sum(abs(rush.booked - rush.stored) for rush in slots + evenings)
    yield Count(PART, "bookings answered and not stored, or stored and not answered", "bookings", lost, Goal("≤", 0))
    failed = sum(sum(rush.statuses.values()) - rush.booked for rush in evenings)
    yield Count(PART, "bookings of free slots refused", "answers", failed, Goal("≤", 0))
    [(deadlocks,)] = mine.make.rows(DEADLOCKS)
    yield Count(PART, "deadlocks", "deadlocks", deadlocks, Goal("≤", 0))
