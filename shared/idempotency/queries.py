"""Idempotency keys: a repeated request gets the stored response, another body is refused (docs/product.md#idempotency).

The response is stored in the transaction of its effect, so that a crash leaves neither or both. Of two concurrent requests
with one key, the primary key lets one commit, and the other gets its response.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit import retention
from shared.kit.errors import Refusal
from shared.kit.retention import purge_aged


class KeyReused(Refusal):
    status, code, title = 422, "idempotency_key_reused", "Idempotency-Key reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another request. Use a new key for a new request.")


class Replayed(Exception):
    """Another request with this key has a stored response: return it. Rolls back the transaction it is raised in."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__("answered before")
        self.status, self.answer = status, answer


@dataclass(frozen=True)
class Key:
    """The identity of a repeatable request: user, route, idempotency key and the hash of its body."""

    user_id: UUID
    route: str
    key: str
    fingerprint: str


def fingerprint(body: Any) -> str:
    return sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


# SQL for the stored response as one JSON value, for its own statement or as a column of a larger one.
STORED_ANSWER = """
(select json_build_object('fingerprint', k.fingerprint, 'status', k.status, 'answer', k.answer)
  from idempotency_keys k
  where k.user_id = cast(:key_user as uuid) and k.route = :key_route and k.key = :key and k.created_at > :key_since)
"""
_FIND = text(f"select {STORED_ANSWER}")
_STORE = text("""
insert into idempotency_keys (user_id, route, key, fingerprint, status, answer, created_at)
values (:key_user, :key_route, :key, :key_fingerprint, :status, cast(:answer as json), :now)
on conflict (user_id, route, key) do update set
  fingerprint = excluded.fingerprint, status = excluded.status, answer = excluded.answer, created_at = excluded.created_at
  where idempotency_keys.created_at <= :key_since
returning 1
""")


def stored_from(source: str, status: int) -> str:
    """Return a CTE body that stores the response (`:answer`, JSON) if `source`, a CTE of the effect, returned a row."""
    return f"""
  insert into idempotency_keys (user_id, route, key, fingerprint, status, answer, created_at)
  select cast(:key_user as uuid), :key_route, :key, :key_fingerprint, {status}, cast(:answer as json), cast(:now as timestamptz)
  from {source} where cast(:key as text) is not null
  on conflict (user_id, route, key) do update set fingerprint = excluded.fingerprint, status = excluded.status,
    answer = excluded.answer, created_at = excluded.created_at where idempotency_keys.created_at <= :key_since
  returning key"""


def parameters(key: Key | None, now: datetime) -> dict[str, Any]:
    """Return the SQL parameters that find and store the response of a key (null without a key)."""
    return {
        "key_user": key and key.user_id,
        "key_route": key and key.route,
        "key": key and key.key,
        "key_fingerprint": key and key.fingerprint,
        "key_since": now - retention.ANSWERS,
    }


def replay(session: Session, key: Key | None, now: datetime) -> None:
    """Look up a key; raises Replayed with its stored response, KeyReused if that was for another body."""
    if key is not None:
        replay_stored(key, session.execute(_FIND, parameters(key, now)).scalar())


def replay_stored(key: Key | None, stored: dict[str, Any] | None) -> None:
    """Raise as `replay` does, from the `STORED_ANSWER` column of another statement."""
    if key is None or stored is None:
        return
    if stored["fingerprint"] != key.fingerprint:
        raise KeyReused
    raise Replayed(stored["status"], stored["answer"])


def store(session: Session, key: Key | None, status: int, answer: dict[str, Any], now: datetime) -> None:
    """Store the response; raises Replayed if another request was first, so that this transaction rolls back."""
    if key is None:
        return
    values = {**parameters(key, now), "status": status, "answer": json.dumps(answer), "now": now}
    if session.execute(_STORE, values).first() is None:
        replay(session, key, now)


def purge(session: Session, now: datetime, limit: int) -> int:
    """Delete up to `limit` responses whose keys have expired; returns how many."""
    return purge_aged(session, "idempotency_keys", "created_at", now - retention.ANSWERS, limit)
