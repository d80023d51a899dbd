"""The stand-in's operations: pay, settle and refund. The store has all of their state."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from infra.local.phonepe import faults
from infra.local.phonepe.answers import RefusedError
from infra.local.phonepe.callbacks import Courier
from infra.local.phonepe.lifecycle import attempted, digits, polled, postponed, ripened, settled
from infra.local.phonepe.payloads import PayOrder, RefundOrder
from infra.local.phonepe.signing import Merchant
from infra.local.phonepe.store import COMPLETED, FAILED, Armed, DuplicateError, Outcome, Store, Transaction
from infra.local.phonepe.v2.account import Account


@dataclass(frozen=True)
class Pace:
    """When a refund completes: `seconds` after its request, or after `polls` pending responses if that is sooner."""

    seconds: float = 2.0
    polls: int | None = None


class Desk:
    """A merchant's transactions. All methods but `pay` and `refund` refuse an unknown id: TRANSACTION_NOT_FOUND."""

    def __init__(self, merchant: Merchant, account: Account, store: Store, pace: Pace) -> None:
        self.merchant = merchant
        self.account = account
        self.store = store
        self.closing = threading.Event()
        self._courier = Courier(merchant, account, store, self.closing)
        self._pace = pace

    def close(self) -> None:
        """Drop pending deliveries and close the store."""
        self.closing.set()
        self._courier.close()
        self.store.close()

    def pay(self, order: PayOrder) -> Transaction:
        """Create a pending payment with its pay page; refuses an id that was used before."""
        armed = self.store.take(faults.of("pay", faults.WORK), order.id)
        _refuse_on_purpose(armed)
        now = time.time()
        payment = Transaction(
            id=order.id,
            kind="payment",
            amount=order.amount,
            reference=f"{'OMO' if order.api == 'v2' else 'T'}{digits(22)}",
            created_at=now,
            token=secrets.token_urlsafe(24),
            redirect_url=order.redirect_url,
            redirect_mode=order.redirect_mode,
            callback_url=order.callback_url,
            api=order.api,
            **_expiry(now, order.open_seconds),
        )
        try:
            self.store.add(payment)
        except DuplicateError as error:
            raise _duplicate() from error
        if armed and armed.fault == "pay.callback_first":
            self._change(order.id, lambda before: settled(before, "pay"), notify=self._courier.deliver)
        return payment

    def refund(self, order: RefundOrder) -> Transaction:
        """Create a pending refund; the same order with the same id returns the existing refund."""
        armed = self.store.take(faults.of("refund", faults.WORK), order.id, order.original_id)
        _refuse_on_purpose(armed)
        with self.store.transaction():
            before = self.store.get(order.id)
            if before is None:
                refund = self._new_refund(order, armed)
                self.store.add(refund)
                return refund
        if (before.original_id, before.amount) != (order.original_id, order.amount):
            raise _duplicate()
        return before

    def status(self, transaction_id: str) -> Transaction:
        """Return the transaction; the request counts as one of the polls after which it may settle."""
        return self._change(transaction_id, lambda before: polled(before, time.time()))

    def settle(
        self, transaction_id: str, outcome: Outcome, *, force: bool = False, code: str = "PAYMENT_ERROR"
    ) -> Transaction:
        """Settle a transaction and send its callback, by the rules of `lifecycle.settled`."""
        return self._change(transaction_id, lambda before: settled(before, outcome, force=force, code=code))

    def settle_later(
        self, transaction_id: str, outcome: Outcome, seconds: float | None, polls: int | None
    ) -> Transaction:
        """Schedule a pending transaction's settlement, after some seconds or status polls."""
        due_at = None if seconds is None else time.time() + seconds
        return self._change(transaction_id, lambda before: postponed(before, outcome, due_at, polls))

    def attempt_fails(self, order_id: str) -> Transaction:
        """Let one attempt in a v2 order fail and notify the merchant; the order stays open."""
        after = self._change(order_id, attempted)
        self._courier.send(after, "checkout.transaction.attempt.failed")
        return after

    def accepted(self, refund: Transaction) -> None:
        """Notify a merchant of v2 that a refund is accepted, which does not mean completed."""
        self._courier.send(refund, "pg.refund.accepted")

    def settle_due(self) -> None:
        """Settle the transactions that are due."""
        for due in self.store.due(time.time()):
            self._change(due.id, lambda before: ripened(before, time.time()))

    def _change(
        self,
        transaction_id: str,
        step: Callable[[Transaction], Transaction],
        notify: Callable[[Transaction], None] | None = None,
    ) -> Transaction:
        with self.store.transaction():
            before = self.store.get(transaction_id)
            if before is None:
                raise _not_found()
            after = step(before)
            self.store.save(after)
        if after.state != before.state:
            (notify or self._courier.send)(after)
        return after

    def _new_refund(self, order: RefundOrder, armed: Armed | None) -> Transaction:
        original = self.store.get(order.original_id)
        if original is None or original.kind != "payment":
            raise _not_found()
        if original.state != COMPLETED:
            raise RefusedError("BAD_REQUEST", "Only a completed payment can be refunded")
        refund = Transaction(
            id=order.id,
            kind="refund",
            amount=order.amount,
            reference=f"{'OMR' if order.api == 'v2' else 'TR'}{digits(22)}",
            created_at=time.time(),
            original_id=original.id,
            callback_url=order.callback_url,
            api=order.api,
            due_outcome="pay",
            due_at=time.time() + self._pace.seconds,
            due_polls=self._pace.polls,
        )
        if self.store.refunded(original.id) + order.amount > original.amount:
            return _failed_at_once(refund, "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT")
        return _changed_on_purpose(refund, armed)


def _expiry(now: float, seconds: float | None) -> dict[str, Any]:
    """Return the fields with which an order of v2 expires by itself."""
    if seconds is None:
        return {}
    ends = now + seconds
    return {"expires_at": ends, "due_at": ends, "due_outcome": "decline", "due_code": "TIMED_OUT"}


def _changed_on_purpose(refund: Transaction, armed: Armed | None) -> Transaction:
    match armed and armed.fault:
        case "refund.excess":
            return _failed_at_once(refund, "PAYMENT_ERROR", "EXCESS_REFUND_AMOUNT")
        case "refund.window_exceeded":
            return _failed_at_once(refund, "REVERSAL_WINDOW_EXCEEDED", "REVERSAL_WINDOW_EXCEEDED")
        case "refund.fails":
            return replace(refund, due_outcome="decline")
        case "refund.stays_pending":
            due_at = None if armed is None or armed.value is None else refund.created_at + armed.value
            return replace(refund, due_at=due_at, due_polls=None)
        case _:
            return refund


def _failed_at_once(refund: Transaction, code: str, response_code: str) -> Transaction:
    failed = replace(refund, state=FAILED, code=code, response_code=response_code)
    return replace(failed, due_outcome=None, due_at=None, due_polls=None)


def _refuse_on_purpose(armed: Armed | None) -> None:
    match armed and armed.fault:
        case "pay.unreached" | "refund.unreached":
            raise RefusedError("INTERNAL_SERVER_ERROR", "Something went wrong", 503)
        case "pay.refused":
            raise RefusedError("PAYMENT_ERROR", "The payment cannot be started")


def _duplicate() -> RefusedError:
    return RefusedError("INVALID_TRANSACTION_ID", "The merchantTransactionId was used before")


def _not_found() -> RefusedError:
    return RefusedError("TRANSACTION_NOT_FOUND", "No transaction found with the given id", 404)
