"""Due polls of attempts and refunds (docs/product.md#polling-schedule): claimed once each, by a task or the reconciliation.

One statement claims the due poll and schedules the next one, so two workers cannot both claim it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from shared.outbox import queries as outbox
from shared.outbox.pending import PendingMessage, send_after_commit
from shared.payments.models import Attempt, Refund
from shared.payments.poll_schedule import RECLAIM_LAST_AFTER, STEPS

POLL = "payments.poll"  # the kind of a message that polls the gateway about an attempt or a refund
Polled = type[Attempt] | type[Refund]
_OPEN = text(f"""
with opened as (
  update payment_attempts set payment_url = :url, state = 'pending', updated_at = cast(:now as timestamptz)
  where merchant_txn_id = :our_id and state = 'created' returning id, next_poll_at
), messages as (
  select gen_random_uuid() as id, '{POLL}' as kind, jsonb_build_object('attempt_id', opened.id) as payload,
    next_poll_at as due_at from opened
), {outbox.ENQUEUE_CTE}
select opened.id, messages.id, messages.due_at from opened, messages
""")


def open_attempt(session: Session, merchant_txn_id: str, url: str, now: datetime) -> UUID | None:
    """Store an attempt's page and schedule its first poll; returns its id, None if it has ended meanwhile."""
    row = session.execute(_OPEN, {"our_id": merchant_txn_id, "url": url, "now": now}).one_or_none()
    if row is None:
        return None
    send_after_commit(session, PendingMessage(row[1], POLL, 0, row[2]))
    return UUID(str(row[0]))


def _claim(*, table: str, began: str, id_name: str, gateway: str, one: bool) -> TextClause:
    """Return the statement that claims due polls of a table: the poll of `:id`, or those of all gateways but `:without`.

    A task waits for a concurrent settlement, which may end the polling; the reconciliation skips locked rows instead.
    """
    condition = "t.id = :id" if one else f"{gateway} <> all(cast(:without as text[]))"
    return text(f"""
with due as (
  select t.id, {gateway} as gateway, (select min(t.{began} + make_interval(secs => step)) from unnest(cast(:steps as float8[])) step
    where t.{began} + make_interval(secs => step) > greatest(cast(:now as timestamptz), t.next_poll_at)) as next_at
  from {table} t where {condition} and t.next_poll_at <= :by
  order by t.next_poll_at limit :limit for no key update {"" if one else "skip locked"}
), claimed as (
  update {table} t set asked_at = :now, polls = polls + 1, updated_at = :now,
    next_poll_at = coalesce(next_at, cast(:again as timestamptz)) from due where t.id = due.id
), messages as (
  select gen_random_uuid() as id, '{POLL}' as kind, jsonb_build_object('{id_name}', due.id) as payload, next_at as due_at,
    due.id as subject from due where next_at is not null
), {outbox.ENQUEUE_CTE}
select due.id, due.gateway, messages.id, next_at from due left join messages on messages.subject = due.id
""")


_attempts = partial(_claim, table="payment_attempts", began="started_at", id_name="attempt_id", gateway="t.gateway")
_refunds = partial(
    _claim,
    table="refunds",
    began="created_at",
    id_name="refund_id",
    gateway="(select a.gateway from payment_attempts a where a.id = t.attempt_id)",
)
_CLAIM_ONE = {Attempt: _attempts(one=True), Refund: _refunds(one=True)}
_CLAIM_ANY = {Attempt: _attempts(one=False), Refund: _refunds(one=False)}


@dataclass(frozen=True)
class ClaimedPoll:
    """A poll that this worker has claimed: the id of its attempt or refund, its gateway, and whether it is the last one."""

    id: UUID
    gateway: str
    is_last: bool


def claim_due_one(session: Session, kind: Polled, row_id: UUID, by: datetime, now: datetime) -> list[ClaimedPoll]:
    """Claim the poll of one attempt or refund due by an instant and schedule the next; empty if not due or claimed."""
    return _claimed(session, _CLAIM_ONE[kind], {"id": row_id, "by": by, "limit": 1}, now)


def claim_due(
    session: Session, kind: Polled, by: datetime, now: datetime, limit: int, without: Collection[str] = ()
) -> list[ClaimedPoll]:
    """Claim the polls that are due by an instant, the longest overdue first, except those of the gateways `without`.

    Concurrent workers claim different ones.
    """
    return _claimed(session, _CLAIM_ANY[kind], {"by": by, "limit": limit, "without": list(without)}, now)


def _claimed(session: Session, statement: TextClause, parameters: dict[str, Any], now: datetime) -> list[ClaimedPoll]:
    steps = [step.total_seconds() for step in STEPS]
    rows = session.execute(
        statement, {**parameters, "now": now, "again": now + RECLAIM_LAST_AFTER, "steps": steps}
    ).all()
    for _, _, message_id, next_at in rows:
        if message_id is not None:
            send_after_commit(session, PendingMessage(message_id, POLL, 0, next_at))
    return [ClaimedPoll(row_id, gateway, next_at is None) for row_id, gateway, _, next_at in rows]
