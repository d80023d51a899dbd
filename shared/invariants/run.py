"""Check the invariants: conditions on the rows that are true between any two commits.

An invariant is a module whose `BREACHES` selects (subject uuid, booking uuid or null, detail text) of each row that
breaks the condition in its docstring. `:now` is the instant of the check. A detail has ids, states, instants and
paise, no personal data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import log
from shared.kit.database import Database

logger = log.logger(__name__)
MOST = 20  # breaches per invariant: the first few show a defect
TIMEOUT_SECONDS = 60  # per invariant: it reads whole tables, and no request waits for it
_SET_TIMEOUT = text(f"set local statement_timeout = '{TIMEOUT_SECONDS}s'")


@dataclass(frozen=True)
class Breach:
    """A row that breaks an invariant: the invariant's name, the row's id and its booking's, and a detail for the log."""

    invariant: str
    subject_id: UUID
    booking_id: UUID | None
    detail: str


def read(modules: Iterable[str]) -> dict[str, str]:
    """Return the SQL that selects the breaches of each of these modules, by the module's last name."""
    return {name.rpartition(".")[2]: str(import_module(name).BREACHES) for name in modules}


def breaches(session: Session, invariants: Mapping[str, str], now: datetime) -> list[Breach]:
    """Return the breaches of all given invariants, at most 20 of each, in one statement; empty if none is broken."""
    return [Breach(*row) for row in session.execute(text(statement(invariants)), {"now": now})]


def statement(invariants: Mapping[str, str]) -> str:
    """Return one statement that checks all given invariants; its columns are name, subject, booking and detail."""
    # Materialized: a healthy table is read to its end, so the plan must not favour finding the first 20 rows soon.
    each = (
        f"(with found(subject, booking, detail) as materialized ({found})"
        f" select '{name}', subject, booking, detail from found limit {MOST})"
        for name, found in invariants.items()
    )
    return " union all ".join(each)


def check(db: Database, invariants: Mapping[str, str], now: datetime) -> dict[str, int]:
    """Check each invariant and log an alarm per breach; returns the counts of checks, broken rows and failed checks.

    Invariants run one by one, each with a timeout of a minute if `db` waits as long. A failure is logged and does not
    stop the others.
    """
    counts = {"asked": 0, "broken": 0, "failed": 0}
    for name, found in invariants.items():
        counts["asked"] += 1
        try:
            with db.transaction() as session:
                session.execute(_SET_TIMEOUT)
                broken = breaches(session, {name: found}, now)
        except Exception as error:
            counts["failed"] += 1
            fields = log.fields(alarm="invariant_broken", invariant=name, error=type(error).__name__)
            logger.exception("an invariant could not be checked", extra=fields)
            continue
        counts["broken"] += len(broken)
        _log(broken)
    return counts


def _log(broken: Iterable[Breach]) -> None:
    for one in broken:
        ids = {"subject": str(one.subject_id), "booking_id": one.booking_id and str(one.booking_id)}
        fields = log.fields(alarm="invariant_broken", invariant=one.invariant, detail=one.detail, **ids)
        logger.error("an invariant is broken", extra=fields)
