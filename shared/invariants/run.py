"""The invariants, which hold between any two commits: every invariant asked at once, in one statement.

An invariant is a module whose `BREACHES` selects (subject uuid, booking uuid or null, detail text) of each row that
breaks its docstring's promise. `:now` is the instant of the check. A detail has ids, states, instants and
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
MOST = 20  # of each invariant: a defect is seen in the first of them
PATIENCE = 60  # seconds for each: it reads what there is, and nobody waits for it
_PATIENTLY = text(f"set local statement_timeout = '{PATIENCE}s'")


@dataclass(frozen=True)
class Breach:
    """A row that breaks an invariant, by the invariant's name, with the booking it belongs to."""

    invariant: str
    subject_id: UUID
    booking_id: UUID | None
    detail: str


def read(modules: Iterable[str]) -> dict[str, str]:
    """Return the invariants of these modules: what selects their breaches, by their names."""
    return {name.rpartition(".")[2]: str(import_module(name).BREACHES) for name in modules}


def breaches(session: Session, invariants: Mapping[str, str], now: datetime) -> list[Breach]:
    """Return what breaks any of the invariants, at most 20 of each, in one statement; empty where all is well."""
    return [Breach(*row) for row in session.execute(text(statement(invariants)), {"now": now})]


def statement(invariants: Mapping[str, str]) -> str:
    """Return the statement that asks all of them: rows of a name, a subject, a booking and a detail each."""
    # Materialized: planned to be read to its end, as it is where all is well, and not to find the first 20 soon.
    each = (
        f"(with found(subject, booking, detail) as materialized ({found})"
        f" select '{name}', subject, booking, detail from found limit {MOST})"
        for name, found in invariants.items()
    )
    return " union all ".join(each)


def ask(db: Database, invariants: Mapping[str, str], now: datetime) -> dict[str, int]:
    """Tell of each breach by an alarm with its name and ids; returns how many were asked, broken rows, and failures.

    Invariants run one by one, each with a timeout of a minute if `db` waits as long. A failure is logged and does not
    stop the others.
    """
    did = {"asked": 0, "broken": 0, "failed": 0}
    for name, found in invariants.items():
        did["asked"] += 1
        try:
            with db.transaction() as session:
                session.execute(_PATIENTLY)
                broken = breaches(session, {name: found}, now)
        except Exception as error:
            did["failed"] += 1
            fields = log.fields(alarm="invariant_broken", invariant=name, error=type(error).__name__)
            logger.exception("an invariant could not be asked", extra=fields)
            continue
        did["broken"] += len(broken)
        _log(broken)
    return did


def _log(broken: Iterable[Breach]) -> None:
    for one in broken:
        ids = {"subject": str(one.subject_id), "booking_id": one.booking_id and str(one.booking_id)}
        fields = log.fields(alarm="invariant_broken", invariant=one.invariant, detail=one.detail, **ids)
        logger.error("an invariant is broken", extra=fields)
