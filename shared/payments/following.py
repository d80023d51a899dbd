"""Every signal is a hint: a callback, a poll, a task and the reconciliation all ask the gateway and settle its answer."""

from datetime import datetime, timedelta
from uuid import UUID

from shared.bookings.history import open_exception
from shared.bookings.line import Lines
from shared.kit import log
from shared.kit.database import Database
from shared.payments import queries, refunding, settlement
from shared.payments.gateway import Gateway, GatewayUnavailable
from shared.payments.lifecycle import AttemptState
from shared.payments.models import Attempt, Refund

ASK_EVERY = timedelta(seconds=3)  # however often a customer's client polls (PRODUCT, "Money")
BATCH = 50
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


def reconcile(db: Database, gateway: Gateway, lines: Lines, now: datetime) -> dict[str, int]:
    """Ask about every attempt and refund that is due on its ladder; returns how many were asked and how many were silent."""
    with db.transaction() as session:
        attempts, ended = queries.claim_due(session, Attempt, now, BATCH)
        for attempt in ended:
            open_exception(session, "payment_unresolved", attempt.id, attempt.booking_id, now)
        refunds, given_up = queries.claim_due(session, Refund, now, BATCH)
        for refund in given_up:
            refunding.give_up(session, refund, now)
    questions = [*((follow, row) for row in attempts), *((refunding.follow, row) for row in refunds)]
    silent = 0
    for ask, row_id in questions:
        try:
            ask(db, gateway, lines, row_id, now)
        except GatewayUnavailable as error:
            silent += 1
            logger.warning("gateway unavailable, asked again later", extra=log.fields(reason=error.reason))
    return {"asked": len(questions), "silent": silent}
