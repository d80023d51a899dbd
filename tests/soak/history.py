"""`python -m tests.soak.history`: customers book while functions are killed; afterwards every answer must be true.

SECONDS (60) and SEED are read from the environment. Prints the numbers and each violation. It reports one when an
answer is stored under its key in a separate transaction after its effect (`functions.web.idempotency.idempotent`).
"""

import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.phonepe.store import BOOK
from tests.e2e.pieces import Pieces, family
from tests.kill.world import LATER
from tests.races.crowd import crowd, leave
from tests.soak.shopper import Shopper
from tests.system import System, eventually, start_system

CLIENTS = 50
VICTIMS = ("customer", "payments", "callback", "tasks", "schedule")
PAUSES = (1.0, 4.0)  # seconds between two kills: a function needs about two to restart
# Allowed final statuses; 409 is a taken slot, or a page that is still being opened.
EXPECTED = {"book": {201, 409}, "initiate": {200, 409}, "cancel": {200}, "repeat": {200, 201}}

OVERLAPS = """
select a.ref, b.ref from bookings a join bookings b
  on a.provider_id = b.provider_id and a.busy_period && b.busy_period and a.id < b.id
where a.status in ('pending', 'confirmed', 'in_progress') and b.status in ('pending', 'confirmed', 'in_progress')
"""
BALANCES = """
select t.booking_id::text, p.account, cast(sum(p.amount) as bigint)
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id group by 1, 2
"""
ATTEMPTS = """
select a.merchant_txn_id, a.booking_id::text, a.state, a.amount,
  (select count(*) from ledger_transactions t where t.source_id = a.id and t.kind in ('captured', 'owed_back'))
from payment_attempts a
"""


class Killer(threading.Thread):
    """Repeatedly kills a function's worker, or all of the function; `make dev` and gunicorn restart them."""

    def __init__(self, system: System, seed: str, ended: threading.Event) -> None:
        super().__init__(name="killer")
        self.pieces, self.chance, self.ended = Pieces(system), random.Random(seed), ended
        self.kills: Counter[str] = Counter()

    def run(self) -> None:
        while not self.ended.wait(self.chance.uniform(*PAUSES)):
            name, spared = self.chance.choice(VICTIMS), self.chance.randint(0, 1)
            with suppress(ValueError, ProcessLookupError):  # it has just been killed
                for pid in family(self.pieces.pid(name))[spared:]:
                    os.kill(pid, signal.SIGKILL)
                self.kills[name] += 1


@dataclass(frozen=True)
class Transaction:
    """A completed transaction of the gateway; `original` is a refund's payment."""

    id: str
    original: str | None
    amount: int


def completed_transactions(system: System) -> list[Transaction]:
    """Return the payments and refunds completed at the gateway."""
    book = f"file:{system.data}/phonepe/{BOOK}?mode=ro"
    done = "select id, original_id, amount from transactions where state = 'COMPLETED'"
    with closing(sqlite3.connect(book, uri=True)) as connection:
        return [Transaction(*row) for row in connection.execute(done)]


def catch_up(system: System) -> None:
    """Pass time so that leases end and polls are due, until nothing is outstanding."""
    # Excludes polls: an unpaid page is polled without end, and every reported success is handled anyway.
    left = """
        select (select count(*) from outbox where done_at is null and due_at <= now() and kind <> 'payments.poll')
          + (select count(*) from refunds where state in ('created', 'sent', 'pending'))
    """

    def at_rest() -> bool:
        for statement in LATER:
            system.sql(statement)
        system.run_job("sweep")
        system.run_job("reconcile")
        time.sleep(0.5)
        return bool(system.sql(left) == [[0]])

    eventually(lambda: all(map(Pieces(system).listens, VICTIMS)), 60)
    eventually(at_rest, 120)


def wrong_answers(system: System, shoppers: Sequence[Shopper]) -> Iterator[str]:
    """Yield the answers that do not match the database."""
    stored = {row[0]: row[1:] for row in system.sql("select id::text, ref, status from bookings")}
    for shopper in shoppers:
        yield from shopper.violations
        for request in shopper.history:
            if request.status not in EXPECTED[request.what]:
                yield f"unexpected: {request}"
    requests = [one for shopper in shoppers for one in shopper.history]
    booked = [one.response for one in requests if one.what == "book" and one.status == 201]
    yield from (f"lost: {one}" for one in booked if stored.get(one["id"], [None])[0] != one["ref"])
    if len(stored) != len(booked):
        yield f"{len(stored)} bookings, {len(booked)} answers of 201"
    cancelled = [one.response["id"] for one in requests if one.what == "cancel" and one.status == 200]
    yield from (f"not cancelled: {one}" for one in cancelled if stored[one][1] != "cancelled")


def money_differences(system: System, shoppers: Sequence[Shopper]) -> Iterator[str]:
    """Yield differences between our ledger and the gateway: missing payments, cancelled bookings without refunds."""
    attempts = {row[0]: row[1:] for row in system.sql(ATTEMPTS)}
    expected: dict[str, int] = defaultdict(int)
    for one in completed_transactions(system):
        booking, state, amount, entries = attempts[one.original or one.id]
        expected[booking] += -one.amount if one.original else one.amount
        if not one.original and (state, amount, entries) != ("succeeded", one.amount, 1):
            yield f"payment {one} is {state} with {entries} entries in the ledger"
    balances: dict[str, dict[str, int]] = defaultdict(dict)
    for booking, account, paise in system.sql(BALANCES):
        balances[booking][account] = paise
    for booking, status in system.sql("select id::text, status from bookings"):
        wanted = {"gateway_clearing": expected[booking], "customer_advance": -expected[booking], "refunds_payable": 0}
        found = {account: balances[booking].get(account, 0) for account in wanted}
        if found != wanted or (status == "cancelled" and expected[booking]):
            yield f"booking {booking}, {status}: {balances[booking]}, at the gateway {expected[booking]}"
    heard = {txn for shopper in shoppers for txn in shopper.succeeded}
    yield from (f"told of a success: {txn}" for txn in heard if attempts[txn][1] != "succeeded")


def unexpected_rows(system: System) -> Iterator[str]:
    yield from (f"overlap: {pair}" for pair in system.sql(OVERLAPS))
    yield from (f"exception: {row}" for row in system.sql("select kind, facts from exceptions"))
    for name, log in system.logs().items():
        yield from (f"{name}: {line[:1500]}" for line in log.splitlines() if "unexpected error" in line)


def numbers(system: System, shoppers: Sequence[Shopper], kills: Counter[str], seconds: float) -> dict[str, Any]:
    requests = [one for shopper in shoppers for one in shopper.history]
    answers = Counter(f"{one.what} {answer}" for one in requests for answer in one.answers)
    polls = sum((Counter({f"poll {name}": n for name, n in one.polled.items()}) for one in shoppers), Counter())
    every = answers + polls
    return {
        "seconds": round(seconds),
        "requests": every.total(),
        "kills": dict(kills),
        "without an answer or 5xx": {
            what: n for what, n in every.items() if not what.split()[1].startswith(("2", "4"))
        },
        "answers": dict(sorted(every.items())),
        "bookings": dict(map(tuple, system.sql("select status, count(*) from bookings group by 1"))),
        "done at the gateway": dict(
            Counter("refunds" if one.original else "payments" for one in completed_transactions(system))
        ),
        "outbox": dict(map(tuple, system.sql("select kind, count(*) from outbox group by 1"))),
    }


def play(system: System, seconds: float, seed: str) -> tuple[list[Shopper], Counter[str]]:
    """Let all customers shop for that many seconds while functions are killed."""
    members, ended = crowd(system, CLIENTS), threading.Event()
    shoppers = [Shopper(member, f"{seed}/{number}") for number, member in enumerate(members)]
    killer = Killer(system, seed, ended)
    with ThreadPoolExecutor(CLIENTS) as threads:
        running = [threads.submit(shopper.shop, ended) for shopper in shoppers]
        killer.start()
        time.sleep(seconds)
        ended.set()
        for one in running:
            one.result()
    killer.join()
    leave(members)
    return shoppers, killer.kills


def main() -> int:
    seconds, seed = float(os.environ.get("SECONDS") or 60), os.environ.get("SEED") or str(time.time_ns())
    say(f"seed {seed}")
    with (
        tempfile.TemporaryDirectory() as folder,
        start_system(Path(folder, "system"), UNPAID_BOOKINGS_PER_CUSTOMER="1000") as system,
    ):
        began = time.monotonic()
        shoppers, kills = play(system, seconds, seed)
        lasted = time.monotonic() - began
        catch_up(system)
        say(json.dumps(numbers(system, shoppers, kills, lasted), indent=2))
        violations = [*wrong_answers(system, shoppers), *money_differences(system, shoppers), *unexpected_rows(system)]
    say(*violations, f"{len(violations)} violations")
    return 1 if violations else 0


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
