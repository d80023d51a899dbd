"""Every signal is a hint: a callback, a poll, a task and the reconciliation all ask the gateway and settle its answer."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from uuid import UUID

from shared.bookings.history import open_exception
from shared.bookings.line import Lines
from shared.kit import log
from shared.kit.database import Database
from shared.payments import queries, refunding, settlement
from shared.payments.gateway import Gateway, GatewayUnavailable
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState
from shared.payments.models import Attempt, ReconciliationRun, Refund

ASK_EVERY = timedelta(seconds=3)  # however often a customer's client polls (PRODUCT, "Money")
BATCH = 10
ROUND_SECONDS, SILENCES = 40.0, 3
Question = Callable[[Database, Gateway, Lines, UUID, datetime], object]
logger = log.logger(__name__)


def follow(db: Database, gateway: Gateway, lines: Lines, attempt_id: UUID, now: datetime) -> AttemptState:
    """Ask the gateway about an attempt and settle what it says; raises GatewayUnavailable."""
    with db.reading() as session:
        merchant_txn_id = session.query(Attempt.merchant_txn_id).filter_by(id=attempt_id).scalar()
    answer = gateway.payment(merchant_txn_id)
    return settlement.settle(db, lines, attempt_id, gateway.merchant, answer, now)


def follow_our_id(db: Database, gateway: Gateway, lines: Lines, our_id: str, now: datetime) -> str:
    """Look into the payment or refund somebody named by our id; returns what became of it, or `unknown`."""
    with db.reading() as session:
        attempt = queries.attempt_by_our_id(session, our_id)
        refund = None if attempt else queries.refund_by_our_id(session, our_id)
    if attempt:
        return follow(db, gateway, lines, attempt.id, now).value
    if refund:
        return refunding.follow(db, gateway, lines, refund.id, now).value
    return "unknown"


def may_ask(attempt: Attempt, now: datetime) -> bool:
    """Tell whether a waiting customer is reason enough to ask about an attempt now."""
    return attempt.asked_at is None or attempt.asked_at <= now - ASK_EVERY


def poll(db: Database, gateway: Gateway, lines: Lines, attempt_id: UUID, now: datetime) -> None:
    """Ask about a live attempt because its customer waits, at most every 3 s; a silent gateway leaves it pending."""
    with db.transaction() as session:
        ours = queries.claim_question(session, attempt_id, now, ASK_EVERY)
    if not ours:
        return
    try:
        follow(db, gateway, lines, attempt_id, now)
    except GatewayUnavailable as error:
        logger.warning("gateway unavailable, still pending", extra=log.fields(reason=error.reason))


@dataclass
class Round:
    """What a reconciliation did: how many it asked about, how many got no answer, how many a person has to look at."""

    asked: int = 0
    silent: int = 0
    failed: int = 0
    given_up: int = 0


def reconcile(db: Database, gateway: Gateway, lines: Lines, now: datetime) -> Round:
    """Ask about every attempt and refund that is due on its ladder, a few at a time, within a scheduled job's time.

    A gateway that is silent three times is left alone until the next round.
    """
    done, until = Round(), monotonic() + ROUND_SECONDS
    questions: tuple[tuple[type[Attempt | Refund], Question], ...] = ((Attempt, follow), (Refund, refunding.follow))
    for kind, ask in questions:
        while done.silent < SILENCES and monotonic() < until:
            due = _claim(db, kind, now)
            for row in due:
                _ask(partial(ask, db, gateway, lines, row.id, now), row.id, done)
            done.given_up += _give_up(db, kind, [row.id for row in due if queries.is_at_the_end(row, now)], now)
            if len(due) < BATCH:
                break
    return done


def keep(db: Database, done: Round, now: datetime) -> None:
    """Keep what a reconciliation did, where it asked about anything: most rounds have nothing to ask."""
    if done.asked:
        with db.transaction() as session:
            session.add(ReconciliationRun(started_at=now, **asdict(done)))


def _claim(db: Database, kind: type[Attempt] | type[Refund], now: datetime) -> Sequence[Attempt | Refund]:
    with db.transaction() as session:
        return queries.claim_due(session, kind, now, BATCH)


def _ask(ask: Callable[[], object], row_id: UUID, done: Round) -> None:
    done.asked += 1
    try:
        ask()
    except GatewayUnavailable as error:
        done.silent += 1
        logger.warning("gateway unavailable, asked again later", extra=log.fields(reason=error.reason))
    except Exception as error:
        # One that cannot be settled must not stop the others; it is due again on its next rung.
        done.failed += 1
        logger.exception("not settled", extra=log.fields(alarm="not_settled", id=str(row_id)), exc_info=error)


def _give_up(db: Database, kind: type[Attempt] | type[Refund], ids: Sequence[UUID], now: datetime) -> int:
    """Ask no more, and hand to a person what has still not ended although its ladder has, in one transaction."""
    given_up = 0
    for row_id in ids:
        with db.transaction() as session:
            row = queries.locked_attempt(session, row_id) if kind is Attempt else queries.locked_refund(session, row_id)
            row.next_poll_at = None
            if row.state in LIVE or row.state in UNFINISHED:
                name = "payment_unresolved" if kind is Attempt else "refund_unresolved"
                open_exception(session, name, row.id, row.booking_id, now, amount=row.amount)
                given_up += 1
    return given_up
