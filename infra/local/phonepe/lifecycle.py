"""How a transaction moves: pure functions from what it was to what it is."""

import secrets
from dataclasses import replace

from infra.local.phonepe.store import COMPLETED, FAILED, PENDING, Outcome, Transaction

FAILURES = {  # a failure's code, and the response code that tells it more finely
    "PAYMENT_ERROR": "REQUEST_DECLINE_BY_REQUESTEE",
    "PAYMENT_DECLINED": "PAYMENT_DECLINED",
    "PAYMENT_CANCELLED": "PAYMENT_CANCELLED",
    "TIMED_OUT": "TIMED_OUT",
}

_STATES: dict[Outcome, str] = {"pay": COMPLETED, "decline": FAILED}


class AlreadyFinalError(Exception):
    """A settled transaction stays as it is."""


def settled(before: Transaction, outcome: Outcome, *, force: bool = False, code: str = "PAYMENT_ERROR") -> Transaction:
    """The transaction with its outcome; the same outcome twice is the same once.

    `code` is one of FAILURES. With `force` a failed payment may still succeed: money that comes late is real.
    Every other way out of a final state is an AlreadyFinalError.
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
    """A pending transaction that settles by itself, at a time or after some polls, whichever is first."""
    if before.state != PENDING:
        raise AlreadyFinalError(f"{before.id} is {before.state}")
    return replace(before, due_outcome=outcome, due_at=due_at, due_polls=due_polls, due_code="PAYMENT_ERROR")


def ripened(before: Transaction, now: float) -> Transaction:
    """Settled, if its time has come."""
    if before.due_outcome is None or before.due_at is None or before.due_at > now:
        return before
    return settled(before, before.due_outcome, code=before.due_code)


def polled(before: Transaction, now: float) -> Transaction:
    """As a merchant who asks finds it: settled if its time has come or it was asked often enough."""
    after = ripened(before, now)
    if after.due_outcome is None or after.due_polls is None:
        return after
    if after.due_polls == 0:
        return settled(after, after.due_outcome)
    return replace(after, due_polls=after.due_polls - 1)


def attempted(before: Transaction) -> Transaction:
    """A pending order in which one more try has failed; the customer may try again."""
    if before.state != PENDING:
        raise AlreadyFinalError(f"{before.id} is {before.state}")
    return replace(before, tries=before.tries + 1)


def digits(count: int) -> str:
    """Random digits, such as references and UTRs are made of."""
    return str(secrets.randbelow(10**count)).zfill(count)
