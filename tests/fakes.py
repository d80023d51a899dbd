"""Ordinary classes that stand where an adapter stands, for tests that need a vendor to say anything at any time."""

import threading
from dataclasses import dataclass, field

from infra.outside import assert_outside_transaction
from shared.outbox.queue import QueueUnavailable, Task
from shared.payments.gateway import GatewayAnswer, GatewayStatus, GatewayUnavailable, Order, RefundOrder


@dataclass
class ScriptedGateway:
    """A gateway that keeps a book of what it was asked for and says what a test makes it say.

    `says` and `refunds` hold the next answer for an id; what was never told stays pending. `silent` makes every call
    fail as a network does.
    """

    name: str = "scripted"
    merchant: str = "TESTMERCHANT"
    silent: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    refund_orders: dict[str, RefundOrder] = field(default_factory=dict)
    says: dict[str, GatewayAnswer] = field(default_factory=dict)

    def start(self, order: Order) -> str:
        self._speak()
        assert order.merchant_txn_id not in self.orders, "an id is used once"
        self.orders[order.merchant_txn_id] = order
        return f"https://pay.example/{order.merchant_txn_id}"

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        self._speak()
        if merchant_txn_id not in self.orders:
            return GatewayAnswer(GatewayStatus.NOT_FOUND, "NOT_FOUND")
        return self.says.get(merchant_txn_id, self.about(merchant_txn_id, GatewayStatus.PENDING))

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        self._speak()
        known = self.refund_orders.setdefault(order.merchant_refund_id, order)
        assert known == order, "the same id is the same refund"
        return self.refund_status(order.merchant_refund_id)

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        self._speak()
        if merchant_refund_id not in self.refund_orders:
            return GatewayAnswer(GatewayStatus.NOT_FOUND, "NOT_FOUND")
        return self.says.get(merchant_refund_id, self.about(merchant_refund_id, GatewayStatus.PENDING))

    def about(self, our_id: str, said: GatewayStatus, **other: object) -> GatewayAnswer:
        """Return an answer about a payment or a refund as it was ordered, but for what is given."""
        order = self.orders.get(our_id) or self.refund_orders[our_id]
        told = {"merchant": self.merchant, "merchant_txn_id": our_id, "amount": order.amount, **other}
        return GatewayAnswer(said, said.value.upper(), **told)

    def _speak(self) -> None:
        if self.silent:
            raise GatewayUnavailable("silent")


class Queue:
    """A queue as the business sees one: it takes tasks, outside of transactions, a name once, or is down.

    With `is_deaf` it takes a task and confirms nothing, as a connection that breaks in between.
    """

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.is_down = self.is_deaf = False
        self._lock = threading.Lock()

    def enqueue(self, task: Task, within: float = 0.5) -> None:  # noqa: ARG002 - as the queue's
        assert_outside_transaction()
        if self.is_down:
            raise QueueUnavailable("down")
        with self._lock:
            if task.name not in {known.name for known in self.tasks}:
                self.tasks.append(task)
        if self.is_deaf:
            raise QueueUnavailable("no answer")
