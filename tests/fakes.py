"""In-memory adapters, for tests that need any answer from a vendor at any time."""

import threading
from dataclasses import dataclass, field

from infra.outside import assert_outside_transaction
from shared.outbox.queue import QueueUnavailable, Task
from shared.payments.gateway import GatewayAnswer, GatewayStatus, GatewayUnavailable, Order, RefundOrder


@dataclass
class ScriptedGateway:
    """A gateway that records its orders and returns the answers a test sets.

    `answers` has the answer for each id; other ids stay pending. While `silent`, every call raises GatewayUnavailable.
    """

    name: str = "scripted"
    merchant: str = "TESTMERCHANT"
    silent: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    refund_orders: dict[str, RefundOrder] = field(default_factory=dict)
    answers: dict[str, GatewayAnswer] = field(default_factory=dict)

    def start(self, order: Order) -> str:
        self._raise_if_silent()
        assert order.merchant_txn_id not in self.orders, "an id is used once"
        self.orders[order.merchant_txn_id] = order
        return f"https://pay.example/{order.merchant_txn_id}"

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        self._raise_if_silent()
        if merchant_txn_id not in self.orders:
            return GatewayAnswer(GatewayStatus.NOT_FOUND, "NOT_FOUND")
        return self.answers.get(merchant_txn_id, self.answer_for(merchant_txn_id, GatewayStatus.PENDING))

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        self._raise_if_silent()
        earlier = self.refund_orders.setdefault(order.merchant_refund_id, order)
        assert earlier == order, "the same id is the same refund"
        return self.refund_status(order.merchant_refund_id)

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        self._raise_if_silent()
        if merchant_refund_id not in self.refund_orders:
            return GatewayAnswer(GatewayStatus.NOT_FOUND, "NOT_FOUND")
        return self.answers.get(merchant_refund_id, self.answer_for(merchant_refund_id, GatewayStatus.PENDING))

    def answer_for(self, our_id: str, status: GatewayStatus, **overrides: object) -> GatewayAnswer:
        """Return an answer that matches the recorded order, apart from the overrides."""
        order = self.orders.get(our_id) or self.refund_orders[our_id]
        fields = {"merchant": self.merchant, "merchant_txn_id": our_id, "amount": order.amount, **overrides}
        return GatewayAnswer(status, status.value.upper(), **fields)

    def _raise_if_silent(self) -> None:
        if self.silent:
            raise GatewayUnavailable("silent")


class Queue:
    """An in-memory queue: outside of transactions it stores each task name once, or raises when it is down.

    With `loses_confirmation` it stores the task and raises all the same, like a connection that breaks in between.
    """

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.is_down = self.loses_confirmation = False
        self._lock = threading.Lock()

    def enqueue(self, task: Task, within: float = 0.5) -> None:  # noqa: ARG002 - the interface of the real queue
        assert_outside_transaction()
        if self.is_down:
            raise QueueUnavailable("down")
        with self._lock:
            if task.name not in {queued.name for queued in self.tasks}:
                self.tasks.append(task)
        if self.loses_confirmation:
            raise QueueUnavailable("no answer")
