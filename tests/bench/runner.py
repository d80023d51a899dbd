"""One of several instances that share a backlog: `python -m tests.bench.runner JOB NOW`, DATABASE_URL set.

Says `ready`, waits for a line, does the job (`sweep` or `reconcile`) again until it finds nothing, and prints one JSON
object: the ids of what it did, and by the machine's clock when it began and ended. Queue and gateway answer each call
after the time a vendor's network takes; nobody else is needed, so that the database is what the runners share.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from functions.wiring import line
from infra.outside import assert_outside_transaction
from infra.postgres.engine import PostgresDatabase
from shared.kit.database import Database
from shared.outbox.dispatch import DispatchingDatabase
from shared.outbox.queue import Task
from shared.outbox.sweep import sweep
from shared.payments import status_polling
from shared.payments.gateway import GatewayAnswer, GatewayStatus
from shared.payments.models import Attempt

GATEWAY_SECONDS, QUEUE_SECONDS = 0.05, 0.01


class DistantQueue:
    """A queue that accepts every task after some milliseconds."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def enqueue(self, task: Task, within: float = 0.5) -> None:  # noqa: ARG002 - as the queue's
        assert_outside_transaction()
        time.sleep(QUEUE_SECONDS)
        self.names.append(task.name)


class DistantGateway:
    """A gateway that reports every payment as succeeded after some milliseconds."""

    name, merchant = "scripted", "TESTMERCHANT"

    def __init__(self, amounts: dict[str, int]) -> None:
        self._amounts, self.polled = amounts, list[str]()

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        assert_outside_transaction()
        time.sleep(GATEWAY_SECONDS)
        self.polled.append(merchant_txn_id)
        return GatewayAnswer(
            GatewayStatus.SUCCEEDED, "PAYMENT_SUCCESS", self.merchant, merchant_txn_id, self._amounts[merchant_txn_id]
        )


def sweeping(db: Database, now: datetime) -> Callable[[], list[str]]:
    def work() -> list[str]:
        queue = DistantQueue()
        while sweep(db, queue, now)["overdue"]:
            pass
        return queue.names

    return work


def reconciling(db: Database, now: datetime) -> Callable[[], list[str]]:
    with db.reading() as session:
        amounts = dict(session.execute(select(Attempt.merchant_txn_id, Attempt.amount)).tuples().all())
    gateway = DistantGateway(amounts)

    def work() -> list[str]:
        while status_polling.reconcile(DispatchingDatabase(db, DistantQueue()), lambda _: gateway, line, now).asked:
            pass
        return gateway.polled

    return work


JOBS = {"sweep": sweeping, "reconcile": reconciling}


def main(job: str, now: str) -> None:
    line("home_chef")
    db = PostgresDatabase(os.environ["DATABASE_URL"])
    work = JOBS[job](db, datetime.fromisoformat(now))
    with db.reading() as session:
        session.execute(select(1))  # connected before the clock starts
    print("ready", flush=True)  # noqa: T201 - it is talked to by its output
    sys.stdin.readline()
    began = time.monotonic()
    done = work()
    json.dump({"done": done, "began": began, "ended": time.monotonic()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
