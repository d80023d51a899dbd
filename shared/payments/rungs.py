"""The rungs of a ladder (facts, payments 1.9): each is taken once, by its task or by the reconciliation.

The rung and the message of the next one change hands in one statement: whoever takes a rung has promised the next, and
whoever comes second finds it taken.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from shared.outbox import queries as outbox
from shared.outbox.promise import Promise, promised
from shared.payments.ladder import AFTER_THE_LAST, STEPS
from shared.payments.models import Attempt, Refund

FOLLOW = "payments.follow"  # the kind of a message that asks about an attempt or a refund on its next rung
Climber = type[Attempt] | type[Refund]
_OPEN = text(f"""
with opened as (
  update payment_attempts set payment_url = :url, state = 'pending', updated_at = cast(:now as timestamptz)
  where merchant_txn_id = :our_id and state = 'created' returning id, next_poll_at
), promises as (
  select gen_random_uuid() as id, '{FOLLOW}' as kind, jsonb_build_object('attempt_id', opened.id) as payload,
    next_poll_at as due_at from opened
), {outbox.ADDED}
select opened.id, promises.id, promises.due_at from opened, promises
""")


def opened(session: Session, merchant_txn_id: str, url: str, now: datetime) -> UUID | None:
    """Give an attempt its page and promise to ask about it on its first rung; None when it has ended meanwhile."""
    row = session.execute(_OPEN, {"our_id": merchant_txn_id, "url": url, "now": now}).one_or_none()
    if row is None:
        return None
    promised(session, Promise(row[1], FOLLOW, 0, row[2]))
    return UUID(str(row[0]))


# A task waits for a settlement under way, which may end the ladder; the reconciliation has others to ask about.
_CLIMB = """
with due as (
  select t.id, (select min(t.{began} + make_interval(secs => step)) from unnest(cast(:steps as float8[])) step
    where t.{began} + make_interval(secs => step) > greatest(cast(:now as timestamptz), t.next_poll_at)) as rung
  from {table} t where {which} and t.next_poll_at <= :by
  order by t.next_poll_at limit :limit for no key update {passing}
), climbed as (
  update {table} t set asked_at = :now, polls = polls + 1, updated_at = :now,
    next_poll_at = coalesce(rung, cast(:again as timestamptz)) from due where t.id = due.id
), promises as (
  select gen_random_uuid() as id, '{kind}' as kind, jsonb_build_object('{name}', due.id) as payload, rung as due_at,
    due.id as subject from due where rung is not null
), {added}
select due.id, promises.id, rung from due left join promises on promises.subject = due.id
"""


def _climb(table: str, began: str, name: str, which: str, passing: str) -> TextClause:
    own = {"table": table, "began": began, "name": name, "which": which, "passing": passing}
    return text(_CLIMB.format(**own, kind=FOLLOW, added=outbox.ADDED))


_ATTEMPTS, _REFUNDS = ("payment_attempts", "started_at", "attempt_id"), ("refunds", "created_at", "refund_id")
_ONE, _ANY = ("t.id = :id", ""), ("true", "skip locked")
_CLIMB_ONE = {Attempt: _climb(*_ATTEMPTS, *_ONE), Refund: _climb(*_REFUNDS, *_ONE)}
_CLIMB_ANY = {Attempt: _climb(*_ATTEMPTS, *_ANY), Refund: _climb(*_REFUNDS, *_ANY)}


@dataclass(frozen=True)
class Rung:
    """A rung somebody has taken, of which attempt or refund, and whether it is the last."""

    id: UUID
    is_last: bool


def climb(session: Session, kind: Climber, row_id: UUID, by: datetime, now: datetime) -> list[Rung]:
    """Take the rung of an attempt or a refund that is due by an instant, and promise the next; none when it is taken."""
    return _climbed(session, _CLIMB_ONE[kind], {"id": row_id, "by": by, "limit": 1}, now)


def climb_all(session: Session, kind: Climber, by: datetime, now: datetime, limit: int) -> list[Rung]:
    """Do so with all that are due by an instant, the longest overdue first; several at once take different ones."""
    return _climbed(session, _CLIMB_ANY[kind], {"by": by, "limit": limit}, now)


def _climbed(session: Session, statement: TextClause, wanted: dict[str, Any], now: datetime) -> list[Rung]:
    steps = [step.total_seconds() for step in STEPS]
    rows = session.execute(statement, {**wanted, "now": now, "again": now + AFTER_THE_LAST, "steps": steps}).all()
    for _, promise, rung in rows:
        if promise is not None:
            promised(session, Promise(promise, FOLLOW, 0, rung))
    return [Rung(row_id, rung is None) for row_id, _, rung in rows]
