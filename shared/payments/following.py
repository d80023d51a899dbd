"""Every signal is a hint: a callback, a poll, a task and the reconciliation all ask the gateway and settle its answer.

What has not ended is on a ladder (facts, payments 1.9): a task for each rung, and the reconciliation for what was lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

from shared.bookings.history import open_exception
from shared.bookings.line import Lines
from shared.inbox.models import UNKNOWN
from shared.kit import log
from shared.kit.database import Database
from shared.payments import queries, refunding, rungs, settlement
from shared.payments.gateway import Gateways, GatewayUnavailable
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState
from shared.payments.models import Attempt, ReconciliationRun, Refund
from shared.payments.rungs import Climber, Rung

ASK_EVERY = timedelta(seconds=3)  # however often a customer's client polls (PRODUCT, "Money")
EARLY = timedelta(seconds=5)  # how far a task may come before its rung by another machine's clock
OVERDUE = timedelta(minutes=2)  # when a rung is taken for lost: its task, tried again and sent again, had come by then
BATCH = 10
ROUND_SECONDS, SILENCES = 40.0, 3
logger = log.logger(__name__)


def follow(db: Database, gateways: Gateways, lines: Lines, attempt_id: UUID, now: datetime) -> AttemptState:
    """Ask the gateway about an attempt and settle what it says; raises GatewayUnavailable."""
    with db.reading() as session:
        attempt = session.get_one(Attempt, attempt_id)
    gateway = gateways(attempt.gateway)
    answer = gateway.payment(attempt.merchant_txn_id)
    return settlement.settle(db, lines, attempt, gateway.merchant, answer, now)


def follow_our_id(db: Database, gateways: Gateways, lines: Lines, our_id: str, now: datetime) -> str:
    """Look into the payment or refund somebody named by our id; returns what became of it, or `unknown`."""
    with db.reading() as session:
        attempt = queries.attempt_by_our_id(session, our_id)
        refund = None if attempt else queries.refund_by_our_id(session, our_id)
    if attempt:
        return follow(db, gateways, lines, attempt.id, now).value
    if refund:
        return refunding.follow(db, gateways, lines, refund.id, now).value
    return UNKNOWN


SUBJECTS: dict[str, Climber] = {"attempt_id": Attempt, "refund_id": Refund}
QUESTIONS: dict[Climber, Callable[..., object]] = {Attempt: follow, Refund: refunding.follow}


def may_ask(asked_at: datetime | None, now: datetime) -> bool:
    """Tell whether a waiting customer is reason enough to ask about an attempt now, last asked about at that time."""
    return asked_at is None or asked_at <= now - ASK_EVERY


def poll(db: Database, gateways: Gateways, lines: Lines, attempt_id: UUID, now: datetime) -> None:
    """Ask about a live attempt because its customer waits, at most every 3 s; a silent gateway leaves it pending."""
    with db.transaction() as session:
        ours = queries.claim_question(session, attempt_id, now, ASK_EVERY)
    if not ours:
        return
    try:
        follow(db, gateways, lines, attempt_id, now)
    except GatewayUnavailable as error:
        logger.warning("gateway unavailable, still pending", extra=log.fields(reason=error.reason))


@dataclass
class Round:
    """What was asked: about how many, how many got no answer, how many a person has to look at."""

    asked: int = 0
    silent: int = 0
    failed: int = 0
    given_up: int = 0


def promised(db: Database, gateways: Gateways, lines: Lines, payload: Mapping[str, Any], now: datetime) -> None:
    """Do what a message of the ladder promised: ask about `attempt_id` or `refund_id` if its rung is due.

    With `now` an admin wants to know: it is asked whatever the rung, and GatewayUnavailable is raised.
    """
    [(name, kind)] = [(name, kind) for name, kind in SUBJECTS.items() if name in payload]
    row_id = UUID(payload[name])
    if payload.get("now"):
        QUESTIONS[kind](db, gateways, lines, row_id, now)
        return
    with db.transaction() as session:
        due = rungs.climb(session, kind, row_id, now + EARLY, now)
    _ask_all(partial(QUESTIONS[kind], db, gateways, lines, now=now), due, Round())
    _give_up(db, kind, due, now)


def reconcile(db: Database, gateways: Gateways, lines: Lines, now: datetime) -> Round:
    """Ask about every attempt and refund whose rung no task has come for, within a scheduled job's time.

    Each is on its ladder again afterwards. A gateway that is silent three times is left alone until the next round.
    """
    done, until = Round(), monotonic() + ROUND_SECONDS
    for kind, question in QUESTIONS.items():
        while done.silent < SILENCES and monotonic() < until:
            with db.transaction() as session:
                due = rungs.climb_all(session, kind, now - OVERDUE, now, BATCH)
            _ask_all(partial(question, db, gateways, lines, now=now), due, done)
            done.given_up += _give_up(db, kind, due, now)
            if len(due) < BATCH:
                break
    return done


def keep(db: Database, done: Round, now: datetime) -> None:
    """Keep what a reconciliation did, where it asked about anything: most rounds have nothing to ask."""
    if done.asked:
        with db.transaction() as session:
            session.add(ReconciliationRun(started_at=now, **asdict(done)))


def _ask_all(ask: Callable[[UUID], object], due: Sequence[Rung], done: Round) -> None:
    for rung in due:
        done.asked += 1
        try:
            ask(rung.id)
        except GatewayUnavailable as error:
            done.silent += 1
            logger.warning("gateway unavailable, asked again later", extra=log.fields(reason=error.reason))
        except Exception as error:
            # One that cannot be settled must not stop the others; it is due again on its next rung.
            done.failed += 1
            logger.exception("not settled", extra=log.fields(alarm="not_settled", id=str(rung.id)), exc_info=error)


def _give_up(db: Database, kind: Climber, due: Sequence[Rung], now: datetime) -> int:
    """Hand to a person what has still not ended although its ladder has; returns how many that are."""
    return sum(_end(db, kind, rung.id, now) for rung in due if rung.is_last)


def _end(db: Database, kind: Climber, row_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        row = queries.locked_attempt(session, row_id) if kind is Attempt else queries.locked_refund(session, row_id)
        row.next_poll_at = None
        unresolved = row.state in LIVE or row.state in UNFINISHED
        if unresolved:
            name = "payment_unresolved" if kind is Attempt else "refund_unresolved"
            open_exception(session, name, row.id, row.booking_id, now, amount=row.amount)
        return unresolved
