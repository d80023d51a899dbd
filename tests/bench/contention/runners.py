"""A backlog shared by one, two and four runners: more runners finish sooner, and no job runs twice."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import product
from pathlib import Path

from infra import migrations
from infra.postgres.engine import PostgresDatabase
from tests.bench.contention.people import SLOTS
from tests.bench.figures import Count, Figure, Goal
from tests.bench.servers import ROOT
from tests.fakes import ScriptedGateway
from tests.make import Make
from tests.postgres_server import database_of, shared_postgres

PART = "Contention"
LATE = timedelta(minutes=3)  # by then a payment's first task counts as lost, and its mail and its poll are overdue
# Queries that list a backlog and count the jobs done exactly once.
ALL = {
    "sweep": "select count(*) from outbox where next_try_at <= :now",
    "reconcile": "select count(*) from payment_attempts where state = 'pending'",
}
ONCE = {
    "sweep": "select count(*) from outbox where generation = 1",
    "reconcile": "select count(*) from payment_attempts where state = 'succeeded' and polls = 1",
}
CALLED = {"sweep": "outbox sweep", "reconcile": "payment reconciliation"}
# Runners wait for vendors most of the time and for one another never; what is left to lose is the processor they share.
RISES = {2: Goal("≥", 1.7), 4: Goal("≥", 2.5)}


@dataclass(frozen=True)
class Shared:
    """A backlog done by so many runners: what each did, the seconds it took, and how much was done exactly once."""

    done: list[list[str]]
    seconds: float
    all: int
    once: int

    @property
    def rate(self) -> float:
        return self.all / self.seconds

    @property
    def twice(self) -> int:
        """Return the number of jobs a runner repeated, plus those the database does not record as done once."""
        together = [job for jobs in self.done for job in jobs]
        return len(together) - len(set(together)) + self.all - self.once


def measure(folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    repetitions, payments, most = (1, 12, 2) if quick else (3, 40, 4)
    template, now = backlog(payments)
    for job in ALL:
        found: dict[int, list[Shared]] = {runners: [] for runners in (1, *RISES) if runners <= most}
        for _, runners in product(range(repetitions), found):
            found[runners].append(share(job, runners, template, now + LATE, folder))
        yield from _figures(CALLED[job], found)


def _figures(called: str, found: dict[int, list[Shared]]) -> Iterator[Figure | Count]:
    alone, most = [one.rate for one in found[1]], max(found)
    for runners in found.keys() & RISES:
        rates = [one.rate for one in found[runners]]
        yield Figure(PART, f"{called}, {runners} runners", "jobs/s", rates, "1 runner", alone, RISES[runners])
    twice = sum(one.twice for shared in found.values() for one in shared)
    yield Count(PART, f"{called}: jobs done twice or not at all", "jobs", twice, Goal("≤", 0))
    least = min(len(jobs) for one in found[most] for jobs in one.done)
    yield Count(PART, f"{called}: least done by one of {most} runners", "jobs", least, Goal("≥", 1))


def backlog(payments: int) -> tuple[str, datetime]:
    """Create a database of bookings with initiated payments whose tasks never arrived; return its name."""
    url = shared_postgres().new_database()
    migrations.upgrade(url)
    database = PostgresDatabase(url, 2)
    make, gateway = Make(database, datetime.now(UTC)), ScriptedGateway()
    chef = make.chef()
    for day, slot in list(product(range(3, 59), SLOTS))[:payments]:
        customer = make.customer()
        at = {"booking_date": make.day(day), "time_slot": time.fromisoformat(slot), "chef_id": chef.id}
        make.page(gateway, customer, make.booking(customer, **at).id)
    database.dispose()
    return database_of(url), make.now


def share(job: str, runners: int, template: str, now: datetime, folder: Path) -> Shared:
    """Run a copy of a backlog with this many runners."""
    url = shared_postgres().new_database(template)
    make = Make(PostgresDatabase(url, 1), now)
    [(jobs,)] = make.rows(ALL[job], **({"now": now} if ":now" in ALL[job] else {}))
    with (folder / f"{job}.log").open("ab") as words:
        running = [_start(job, url, now, words) for _ in range(runners)]
        for one in running:
            assert one.stdout
            assert one.stdout.readline() == "ready\n", (folder / f"{job}.log").read_text()[-2000:]
        for one in running:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        results = [json.loads(one.communicate()[0]) for one in running]
    [(once,)] = make.rows(ONCE[job])
    make.db.dispose()
    lasted = max(one["ended"] for one in results) - min(one["began"] for one in results)
    return Shared([one["done"] for one in results], lasted, jobs, once)


def _start(job: str, url: str, now: datetime, words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.runner", job, now.isoformat()]
    environ = os.environ | {"DATABASE_URL": url}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": words}
    return subprocess.Popen(command, text=True, cwd=ROOT, env=environ, **pipes)
