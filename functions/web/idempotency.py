"""Idempotency-Key: a request that a client repeats takes effect once."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from functions.web.call import Call
from shared.idempotency import queries as idempotency
from shared.kit.schemas import View
from shared.sign_in.sessions import Caller

Answer = TypeVar("Answer", bound=View)


def idempotent(call: Call, act: Callable[[Session, Caller], Answer]) -> Answer:
    """Run `act` with the caller's row locked, and store its answer under the request's Idempotency-Key, if any.

    Raises Replayed for a key with a stored answer, KeyReused for another request's key, and the errors of `act`.
    """
    with call.locking() as (session, caller):
        key = call.key(caller)
        idempotency.replay(session, key, call.now)
        answer = act(session, caller)
        idempotency.store(session, key, call.endpoint.status, answer.model_dump(mode="json"), call.now)
        return answer
