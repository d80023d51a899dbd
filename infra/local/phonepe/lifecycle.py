"""State transitions of a transaction, as pure functions."""

import secrets
from dataclasses import replace

from infra.local.phonepe.store import COMPLETED, FAILED, PENDING, Outcome, Transaction

FAILURES = {  # a failure's code, and its more specific response code
    "PAYMENT_ERROR": "REQUEST_DECLINE_BY_REQUESTEE",
    "PAYMENT_DECLINED": "PAYMENT_DECLINED",
    "PAYMENT_CANCELLED": "PAYMENT_CANCELLED",
    "TIMED_OUT": "TIMED_OUT",
}

_STATES: dict[Outcome, str] = {"pay": COMPLETED, "decline": FAILED}


class AlreadyFinalError(Exception):
    """A settled transaction cannot change."""


def settled(before: Transaction, outcome: Outcome, *, force: bool = False, code: str = "PAYMENT_ERROR") -> Transaction:
    """Return the transaction with its outcome; the same outcome again changes nothing.

    `code` is one of FAILURES. With `force` a failed payment may still succeed, as late payments do.
    Every other change of a final state raises AlreadyFinalError.
    """
    if before.state == _STATES[outcome]:
        return before
    is_late_success = force and before.kind == "payment" and before.state == FAILED
    if before.state != PENDING and not is_late_success:
        raise AlreadyFinalError(f"{before.id} is {before.state}")
    rest = replace(before, state=_STATES[outcome], due_outcome=None, due_at=None, due_polls=None)
    if outcome == "pay":
        return replace(rest, code="PAYMENT_SUCCESS", response_code="SUCCESS", utr=digits(12))
    return replace(rest, code=code, response_code=FAILURES[code])


def postponed(before: Transaction, outcome: Outcome, due_at: float | None, due_polls: int | None) -> Transaction:
    """Return a pending transaction that settles at a time or after some polls, whichever is first."""
    if before.state != PENDING:
        raise AlreadyFinalError(f"{before.id} is {before.state}")
    return replace(before, due_outcome=outcome, due_at=due_at, due_polls=due_polls, due_code="PAYMENT_ERROR")


def ripened(before: Transaction, now: float) -> Transaction:
    """Return the transaction, settled if it is due."""
    if before.due_outcome is None or before.due_at is None or before.due_at > now:
        return before
    return settled(before, before.due_outcome, code=before.due_code)


def polled(before: Transaction, now: float) -> Transaction:
    """Return the transaction after one status poll, settled if it is due by time or number of polls."""
    after = ripened(before, now)
    if after.due_outcome is None or after.due_polls is None:
        return after
    if after.due_polls == 0:
        return settled(after, after.due_outcome)
    return replace(after, due_polls=after.due_polls - 1)


def attempted(before: Transaction) -> Transaction:
    """Return a pending order with one more failed attempt; the customer may try again."""
    if before.state != PENDING:
        raise AlreadyFinalError(f"{before.id} is {before.state}")
    return replace(before, tries=before.tries + 1)


def digits(count: int) -> str:
    """Return random digits, for references and UTRs."""
    return str(secrets.randbelow(10**count)).zfill(count)
