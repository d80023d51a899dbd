"""Requests that may be sent twice and are done once."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from functions.web import Call
from shared.idempotency import queries as idempotency
from shared.kit.schemas import View
from shared.sign_in.sessions import Caller

Answer = TypeVar("Answer", bound=View)


def once(call: Call, act: Callable[[Session, Caller], Answer]) -> Answer:
    """Do what a request asks, its caller's row locked, and keep the answer under its Idempotency-Key where it has one.

    Raises Replayed for a key that was answered before, KeyReused for one of another request, and what `act` raises.
    """
    with call.locking() as (session, caller):
        key = call.key(caller)
        idempotency.replay(session, key, call.now)
        answer = act(session, caller)
        idempotency.store(session, key, call.endpoint.status, answer.model_dump(mode="json"), call.now)
        return answer
