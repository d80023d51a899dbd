"""The real database and gateway, with a test's hook called at each boundary.

Transactions call the hook before they begin, after each locking statement, before the commit and after it. Reads call
it at their end, gateway calls before sending and after the answer. A hook called inside a transaction runs while that
transaction holds its locks.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Result, Select, event
from sqlalchemy.orm import ORMExecuteState, Session

from shared.kit.database import Database, Piggyback, TransactionConflict
from shared.payments.gateway import Gateway, GatewayAnswer, Order, RefundOrder

Hook = Callable[[str], None]
READ, BEGIN, LOCKED, COMMIT, COMMITTED = "read", "begin", "locked", "commit", "committed"
INSIDE = frozenset({LOCKED, COMMIT})  # the boundaries at which locks are held
CALLED, ANSWERED = "called", "answered"  # suffixes of the gateway's call: "refund called"


class WatchedDatabase:
    """A database that calls the hook at each boundary; `conflicts` collects the transactions Postgres aborted
    (deadlocks)."""

    def __init__(self, database: Database, hook: Hook) -> None:
        self._database, self._hook = database, hook
        self.conflicts: list[TransactionConflict] = []

    @contextmanager
    def reading(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> Iterator[Session]:
        with self._database.reading(piggyback, prepared=prepared) as session:
            yield session
        self._hook(READ)

    @contextmanager
    def transaction(self, piggyback: Piggyback | None = None, *, prepared: bool = False) -> Iterator[Session]:
        self._hook(BEGIN)
        try:
            with self._database.transaction(piggyback, prepared=prepared) as session:
                event.listen(session, "do_orm_execute", self._executed)
                yield session
                session.flush()  # as the commit would: the writes' locks are held at this boundary, too
                self._hook(COMMIT)
        except TransactionConflict as conflict:
            self.conflicts.append(conflict)
            raise
        self._hook(COMMITTED)

    def _executed(self, state: ORMExecuteState) -> Result[Any] | None:
        if not _takes_locks(state.statement):
            return None
        result = state.invoke_statement()
        self._hook(LOCKED)
        return result


def _takes_locks(statement: Any) -> bool:
    if isinstance(statement, Select):
        return statement._for_update_arg is not None
    return re.search(r"\bfor (no key )?update\b", str(statement)) is not None


class WatchedGateway:
    """A gateway that calls the hook before each call, and again before the caller receives the answer."""

    def __init__(self, gateway: Gateway, hook: Hook) -> None:
        self._gateway, self._hook = gateway, hook
        self.name, self.merchant = gateway.name, gateway.merchant

    def start(self, order: Order) -> str:
        return self._call("start", order)

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        return self._call("payment", merchant_txn_id)

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        return self._call("refund", order)

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        return self._call("refund_status", merchant_refund_id)

    def _call(self, name: str, argument: Any) -> Any:
        self._hook(f"{name} {CALLED}")
        answer = getattr(self._gateway, name)(argument)
        self._hook(f"{name} {ANSWERED}")
        return answer
