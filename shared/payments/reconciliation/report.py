"""Reconcile each day with the gateways: query all that began on it, compare it with our rows and ledger, store the result.

The report settles nothing. Settlement or a manual review corrects each difference (docs/product.md#reconciliation).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from uuid import UUID

from sqlalchemy.orm import Session

from shared.bookings.history import SYSTEM, close_reviews, open_review
from shared.kit import log
from shared.kit.clock import INDIA, local, midnight
from shared.kit.database import Database
from shared.ledger import postings
from shared.ledger import queries as ledger
from shared.payments.gateway import Gateway, GatewayAnswer, Gateways, GatewayStatus, GatewayUnavailable
from shared.payments.reconciliation import queries
from shared.payments.reconciliation.comparison import NEEDS_REVIEW, About, Theirs, compare, fee_to_book
from shared.payments.reconciliation.models import DIFFERS, ReconciliationRow
from shared.payments.reconciliation.queries import Compared, Subject
from shared.payments.status_polling import BATCH, MAX_SILENT, ROUND_SECONDS

FIRST_DAYS = 7  # covered by the first report
MOST_DAYS = 30  # how long an incomplete day is retried, and an open row is compared again each night
Find = Callable[[Session, Sequence[str], int], list[Subject]]
logger = log.logger(__name__)


def report(db: Database, gateways: Gateways, now: datetime) -> dict[str, int]:
    """Compare all subjects without a row of the days up to yesterday (in India), then compare open rows again.

    Runs in batches within a scheduled job's time; the next run continues. Safe to run concurrently. Returns the counts of
    subjects queried, unanswered and failed, and of rows by outcome.
    """
    today = local(now, INDIA).date()
    yesterday, since = today - timedelta(days=1), today - timedelta(days=MOST_DAYS)
    with db.transaction() as session:
        days = queries.incomplete_days(session, yesterday, FIRST_DAYS, MOST_DAYS)
    run = _Run(db, gateways, now)
    for day in days:
        run.compare(partial(queries.without_row, day=day))
        with db.transaction() as session:
            queries.complete(session, day, now)
    before = midnight(today, INDIA)
    run.compare(partial(queries.due_again, before=before, since=since))
    return dict(run.did)


def compare_again(db: Database, gateways: Gateways, row_id: UUID, now: datetime) -> None:
    """Compare an open row again; raises GatewayUnavailable."""
    with db.reading() as session:
        subject = queries.of_row(session, row_id)
    _write(db, [(subject, query(gateways, subject))], now)


def query(gateways: Gateways, subject: Subject) -> Theirs:
    """Query the gateway about a subject; raises GatewayUnavailable, also for an answer that names no payment."""
    gateway = gateways(subject.gateway)
    answer = _answer(gateway, subject)
    if answer.status is GatewayStatus.PENDING and answer.merchant_txn_id is None:
        raise GatewayUnavailable(answer.code)
    return Theirs.of(answer, gateway.merchant, subject.our_id, subject.currency)


def _answer(gateway: Gateway, subject: Subject) -> GatewayAnswer:
    if subject.kind is About.REFUND:
        return gateway.refund_status(subject.our_id)
    answer = gateway.payment(subject.our_id)
    if subject.kind is About.NOTIFICATION and answer.status is GatewayStatus.NOT_FOUND:
        return gateway.refund_status(subject.our_id)
    return answer


@dataclass
class _Run:
    """One run of the report: its time limit, missing answers by gateway, and the ids it skips."""

    db: Database
    gateways: Gateways
    now: datetime
    until: float = field(default_factory=lambda: monotonic() + ROUND_SECONDS)
    did: Counter[str] = field(default_factory=lambda: Counter(asked=0, silent=0, failed=0))
    silent: Counter[str] = field(default_factory=Counter)
    passed: list[str] = field(default_factory=list)

    def compare(self, find: Find) -> None:
        """Compare the subjects that `find` returns, in batches, until none or no time is left."""
        while monotonic() < self.until:
            with self.db.reading() as session:
                subjects = find(session, self.passed, BATCH)
            if not subjects:
                return
            written = _write(self.db, list(self._answered(subjects)), self.now)
            self.did.update(row.outcome for row in written)
            compared = {row.our_id for row in written}
            self.passed += [subject.our_id for subject in subjects if subject.our_id not in compared]

    def _answered(self, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Theirs]]:
        """Query each subject in turn; skip a gateway after three missing answers, until the next run."""
        for subject in subjects:
            if self.silent[subject.gateway] >= MAX_SILENT or monotonic() >= self.until:
                continue
            self.did["asked"] += 1
            try:
                yield subject, query(self.gateways, subject)
            except GatewayUnavailable as error:
                self.silent[subject.gateway] += 1
                self.did["silent"] += 1
                logger.warning("gateway unavailable, compared later", extra=log.fields(reason=error.reason))
            except Exception as error:
                # One unreadable answer must not stop the others; the next run queries it again.
                self.did["failed"] += 1
                logger.exception(
                    "not compared", extra=log.fields(alarm="not_settled", id=subject.our_id), exc_info=error
                )


def _write(db: Database, answers: Sequence[tuple[Subject, Theirs]], now: datetime) -> Sequence[ReconciliationRow]:
    """Write a row for each answer whose subject is unchanged since the query; a later run compares the others."""
    if not answers:
        return []
    with db.transaction() as session:
        as_now = set(queries.named(session, [subject.our_id for subject, _ in answers]))
        unchanged = [(subject, theirs) for subject, theirs in answers if subject in as_now]
        compared = [_compared(session, subject, theirs, now) for subject, theirs in unchanged]
        rows = queries.write_rows(session, compared, now) if compared else []
        before = {subject.row_id for subject, _ in unchanged}
        for row in rows:
            _review_difference(session, row, row.id in before, now)
        return rows


def _compared(session: Session, subject: Subject, theirs: Theirs, now: datetime) -> Compared:
    """Compare a subject with the gateway's side, and book a fee that is not booked yet (docs/product.md#ledger)."""
    outcome = compare(subject.ours, theirs)
    fee = fee_to_book(subject.ours, theirs, outcome)
    if fee and subject.ours and subject.attempt_id and subject.booking_id:
        lines = postings.gateway_fee(fee)
        ledger.post(session, postings.Kind.GATEWAY_FEE, subject.attempt_id, subject.booking_id, lines, at=now)
        subject = replace(subject, ours=replace(subject.ours, fee=fee))
    return Compared(subject, theirs, outcome)


def _review_difference(session: Session, row: ReconciliationRow, was_open: bool, now: datetime) -> None:
    """Open a manual review of a row whose sides differ, and close it once they agree."""
    if row.outcome not in NEEDS_REVIEW:
        if was_open:
            close_reviews(session, DIFFERS, row.id, SYSTEM, "Both sides agree now.", now)
        return
    facts = {"our_id": row.our_id, "outcome": row.outcome, "day": row.day.isoformat()}
    open_review(session, DIFFERS, row.id, row.booking_id, now, **facts)
    logger.error("gateway and books differ", extra=log.fields(alarm="reconciliation_differs", row=str(row.id), **facts))
