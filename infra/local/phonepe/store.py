"""Stores transactions and armed faults in one SQLite file, which survives a restart."""

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

BOOK = "book.sqlite3"  # the file's name
PENDING = "PENDING"
COMPLETED = "COMPLETED"
FAILED = "FAILED"

Outcome = Literal["pay", "decline"]
Api = Literal["v1", "v2"]


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A payment or a refund; both share one namespace of merchant transaction ids, and one status format.

    `amount` is in paise, times are Unix seconds. A pending transaction with a `due_outcome` settles by itself:
    at `due_at`, or after `due_polls` more status polls; `due_code` is then a failure's code.
    `api` is the version that created it; `tries` counts the failed attempts in an open v2 order.
    """

    id: str
    kind: Literal["payment", "refund"]
    amount: int
    reference: str
    created_at: float
    original_id: str | None = None
    token: str | None = None
    redirect_url: str | None = None
    redirect_mode: str | None = None
    callback_url: str | None = None
    state: str = PENDING
    code: str = "PAYMENT_PENDING"
    response_code: str = "PAYMENT_PENDING"
    utr: str | None = None
    due_outcome: Outcome | None = None
    due_at: float | None = None
    due_polls: int | None = None
    due_code: str = "PAYMENT_ERROR"
    api: Api = "v1"
    expires_at: float | None = None
    tries: int = 0


@dataclass(frozen=True)
class Armed:
    """A fault armed for its next `times` occasions, of one transaction or of any."""

    fault: str
    times: int
    value: float | None
    transaction: str | None


class DuplicateError(Exception):
    """The merchant transaction id was used before."""


_SCHEMA = """
create table if not exists transactions (
    id text primary key, kind text not null, amount integer not null, reference text not null unique,
    created_at real not null, original_id text, token text unique, redirect_url text, redirect_mode text,
    callback_url text, state text not null, code text not null, response_code text not null, utr text,
    due_outcome text, due_at real, due_polls integer, due_code text not null, api text not null, expires_at real,
    tries integer not null, delivery text not null default ''
);
create table if not exists faults (
    id integer primary key, fault text not null, times integer not null, value real, "transaction" text
);
"""
_COLUMNS = tuple(field.name for field in fields(Transaction))
_READ = f"select {', '.join(_COLUMNS)} from transactions"
_ADD = f"insert into transactions ({', '.join(_COLUMNS)}) values ({', '.join(f':{name}' for name in _COLUMNS)})"
_SAVE = f"update transactions set {', '.join(f'{name} = :{name}' for name in _COLUMNS)} where id = :id"


class Store:
    """Thread-safe; `with store.transaction()` makes several calls atomic."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / BOOK, timeout=5, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open an exclusive transaction: commit at the end of the block, or roll back."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def add(self, transaction: Transaction) -> None:
        """Insert a transaction. Raises DuplicateError for an id that was used before."""
        with self._lock:
            try:
                self._db.execute(_ADD, asdict(transaction))
            except sqlite3.IntegrityError as error:
                raise DuplicateError(transaction.id) from error

    def save(self, transaction: Transaction) -> None:
        with self._lock:
            self._db.execute(_SAVE, asdict(transaction))

    def get(self, transaction_id: str) -> Transaction | None:
        return next(iter(self._find("where id = ?", transaction_id)), None)

    def by_token(self, token: str) -> Transaction | None:
        return next(iter(self._find("where token = ?", token)), None)

    def due(self, now: float) -> list[Transaction]:
        return self._find("where state = ? and due_outcome is not null and due_at <= ?", PENDING, now)

    def newest(self, limit: int) -> list[tuple[Transaction, str]]:
        """Return the latest transactions, each with its callback's result."""
        with self._lock:
            found = self._find("order by rowid desc limit ?", limit)
            deliveries = dict(self._db.execute("select id, delivery from transactions").fetchall())
        return [(transaction, deliveries[transaction.id]) for transaction in found]

    def note_delivery(self, transaction_id: str, note: str) -> None:
        with self._lock:
            self._db.execute("update transactions set delivery = ? where id = ?", (note, transaction_id))

    def refunded(self, original_id: str) -> int:
        """Return the paise of a payment's completed and pending refunds."""
        total = "select coalesce(sum(amount), 0) from transactions where original_id = ? and state <> ?"
        with self._lock:
            return int(self._db.execute(total, (original_id, FAILED)).fetchone()[0])

    def arm(self, armed: Armed) -> None:
        statement = 'insert into faults (fault, times, value, "transaction") values (?, ?, ?, ?)'
        with self._lock:
            self._db.execute(statement, (armed.fault, armed.times, armed.value, armed.transaction))

    def armed(self) -> list[Armed]:
        with self._lock:
            rows = self._db.execute('select fault, times, value, "transaction" from faults order by id').fetchall()
        return [Armed(**dict(row)) for row in rows]

    def disarm(self) -> None:
        with self._lock:
            self._db.execute("delete from faults")

    def take(self, faults: Collection[str], *transaction_ids: str) -> Armed | None:
        """Use one occasion of the oldest of these faults; a transaction's own fault has priority over one for any."""
        marks, ids = ", ".join("?" * len(faults)), ", ".join("?" * len(transaction_ids))
        statement = (
            f'select * from faults where fault in ({marks}) and ("transaction" is null or "transaction" in ({ids}))'
            ' order by "transaction" is null, id limit 1'
        )
        with self._lock:
            row = self._db.execute(statement, (*faults, *transaction_ids)).fetchone()
            if row is None:
                return None
            self._db.execute("update faults set times = times - 1 where id = ?", (row["id"],))
            self._db.execute("delete from faults where times <= 0")
        return Armed(row["fault"], row["times"], row["value"], row["transaction"])

    def _find(self, clause: str, *values: object) -> list[Transaction]:
        with self._lock:
            rows = self._db.execute(f"{_READ} {clause}", values).fetchall()
        return [Transaction(**dict(row)) for row in rows]
