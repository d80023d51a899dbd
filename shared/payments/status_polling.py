"""Poll the gateway and settle its answer, on a callback, a customer's request, a task or the reconciliation.

Payments and refunds that have not ended are polled on a schedule (docs/product.md#polling-schedule): by a task for each poll,
or by the reconciliation if the task is lost.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from uuid import UUID

from shared.bookings.history import open_review
from shared.bookings.line import Lines
from shared.inbox.models import UNKNOWN
from shared.kit import log
from shared.kit.database import Database
from shared.outbox.pending import Payload
from shared.payments import poll_queue, queries, refunding, settlement
from shared.payments.gateway import Gateways, GatewayUnavailable
from shared.payments.lifecycle import LIVE, UNFINISHED, AttemptState
from shared.payments.models import Attempt, ReconciliationRun, Refund
from shared.payments.poll_queue import ClaimedPoll, Polled

POLL_EVERY = timedelta(seconds=3)  # at most, however often a customer's client polls (docs/product.md#settlement)
CLOCK_SKEW = timedelta(seconds=5)  # how early a task may run before its poll is due, by another machine's clock
LOST_AFTER = timedelta(minutes=2)  # after this a poll's task counts as lost, even with its retries
BATCH = 10
ROUND_SECONDS, MAX_SILENT = 40.0, 3
logger = log.logger(__name__)


def poll_attempt(db: Database, gateways: Gateways, lines: Lines, attempt_id: UUID, now: datetime) -> AttemptState:
    """Poll the gateway for an attempt's status and settle it; raises GatewayUnavailable."""
    with db.reading() as session:
        attempt = session.get_one(Attempt, attempt_id)
    gateway = gateways(attempt.gateway)
    answer = gateway.payment(attempt.merchant_txn_id)
    return settlement.settle(db, lines, attempt, gateway.merchant, answer, now)


def poll_by_our_id(db: Database, gateways: Gateways, lines: Lines, our_id: str, now: datetime) -> str:
    """Poll the payment or refund with our id; returns its state, or `unknown`."""
    with db.reading() as session:
        attempt = queries.attempt_by_our_id(session, our_id)
        refund = None if attempt else queries.refund_by_our_id(session, our_id)
    if attempt:
        return poll_attempt(db, gateways, lines, attempt.id, now).value
    if refund:
        return refunding.advance(db, gateways, lines, refund.id, now).value
    return UNKNOWN


SUBJECTS: dict[str, Polled] = {"attempt_id": Attempt, "refund_id": Refund}
POLLERS: dict[Polled, Callable[..., object]] = {Attempt: poll_attempt, Refund: refunding.advance}


def may_poll(asked_at: datetime | None, now: datetime) -> bool:
    """Return whether a waiting customer may cause another poll now, by the instant of the last poll."""
    return asked_at is None or asked_at <= now - POLL_EVERY


def poll_for_customer(db: Database, gateways: Gateways, lines: Lines, attempt_id: UUID, now: datetime) -> None:
    """Poll a live attempt for its waiting customer, at most every 3 s; without an answer it remains pending."""
    with db.transaction() as session:
        ours = queries.claim_poll(session, attempt_id, now, POLL_EVERY)
    if not ours:
        return
    try:
        poll_attempt(db, gateways, lines, attempt_id, now)
    except GatewayUnavailable as error:
        logger.warning("gateway unavailable, still pending", extra=log.fields(reason=error.reason))


@dataclass
class Round:
    """Counts of one round of polls: polled, without an answer, failed, and sent to manual review."""

    asked: int = 0
    silent: int = 0
    failed: int = 0
    given_up: int = 0


def handle_poll(db: Database, gateways: Gateways, lines: Lines, payload: Payload, now: datetime) -> None:
    """Handle a poll message: poll the attempt or refund it names, if its poll is due.

    `force` is an admin's request: it polls the gateway even if not due, and raises GatewayUnavailable.
    """
    [(name, kind)] = [(name, kind) for name, kind in SUBJECTS.items() if name in payload]
    row_id = UUID(str(payload[name]))
    if payload.get("force"):
        POLLERS[kind](db, gateways, lines, row_id, now)
        return
    with db.transaction() as session:
        due = poll_queue.claim_due_one(session, kind, row_id, now + CLOCK_SKEW, now)
    poll, until = partial(POLLERS[kind], db, gateways, lines, now=now), monotonic() + ROUND_SECONDS
    _open_reviews(db, kind, _poll_all(poll, due, Round(), Counter(), until), now)


def reconcile(db: Database, gateways: Gateways, lines: Lines, now: datetime) -> Round:
    """Poll every attempt and refund whose task was lost, within a scheduled job's time, and schedule their next polls.

    A gateway that does not answer three times is skipped until the next round.
    """
    done, until = Round(), monotonic() + ROUND_SECONDS
    silent: Counter[str] = Counter()
    for kind, poller in POLLERS.items():
        while monotonic() < until:
            without = [gateway for gateway, times in silent.items() if times >= MAX_SILENT]
            with db.transaction() as session:
                due = poll_queue.claim_due(session, kind, now - LOST_AFTER, now, BATCH, without)
            polled = _poll_all(partial(poller, db, gateways, lines, now=now), due, done, silent, until)
            done.given_up += _open_reviews(db, kind, polled, now)
            if len(due) < BATCH:
                break
    return done


def record_round(db: Database, done: Round, now: datetime) -> None:
    """Store the counts of a round that polled anything; most rounds have nothing to poll."""
    if done.asked:
        with db.transaction() as session:
            session.add(ReconciliationRun(started_at=now, **asdict(done)))


def _poll_all(
    poll: Callable[[UUID], object], due: Sequence[ClaimedPoll], done: Round, silent: Counter[str], until: float
) -> list[ClaimedPoll]:
    """Poll each in turn until an instant (monotonic) and count it; returns those polled.

    A gateway that was silent three times is skipped: the next poll is scheduled, and a last one is claimed again.
    """
    polled = []
    for claimed in due:
        if silent[claimed.gateway] >= MAX_SILENT or monotonic() >= until:
            continue
        polled.append(claimed)
        done.asked += 1
        try:
            poll(claimed.id)
        except GatewayUnavailable as error:
            done.silent += 1
            silent[claimed.gateway] += 1
            logger.warning("gateway unavailable, polled again later", extra=log.fields(reason=error.reason))
        except Exception as error:
            # One failed settlement must not stop the others; its next poll is scheduled.
            done.failed += 1
            logger.exception("not settled", extra=log.fields(alarm="not_settled", id=str(claimed.id)), exc_info=error)
    return polled


def _open_reviews(db: Database, kind: Polled, due: Sequence[ClaimedPoll], now: datetime) -> int:
    """Open a manual review for each payment and refund whose last poll did not end it; returns how many."""
    return sum(_stop_polling(db, kind, claimed.id, now) for claimed in due if claimed.is_last)


def _stop_polling(db: Database, kind: Polled, row_id: UUID, now: datetime) -> bool:
    with db.transaction() as session:
        row = queries.locked_attempt(session, row_id) if kind is Attempt else queries.locked_refund(session, row_id)
        row.next_poll_at = None
        unresolved = row.state in LIVE or row.state in UNFINISHED
        if unresolved:
            name = "payment_unresolved" if kind is Attempt else "refund_unresolved"
            open_review(session, name, row.id, row.booking_id, now, amount=row.amount)
        return unresolved
