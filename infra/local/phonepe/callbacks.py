"""Sends callbacks and webhooks to the merchant: in the background, best effort."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from infra.local.phonepe import faults
from infra.local.phonepe.answers import describe
from infra.local.phonepe.faults import Delivery
from infra.local.phonepe.signing import Merchant
from infra.local.phonepe.store import Store, Transaction
from infra.local.phonepe.v2 import faults as v2_faults
from infra.local.phonepe.v2 import webhooks
from infra.local.phonepe.v2.account import Account

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 3
_PAUSES_SECONDS = (0.0, 0.5, 2.0)  # before each attempt


class Courier:
    """Delivers callbacks in its own threads; closing drops unfinished deliveries, as the vendor may."""

    def __init__(self, merchant: Merchant, account: Account, store: Store, closing: threading.Event) -> None:
        self._merchant = merchant
        self._account = account
        self._store = store
        self._closing = closing
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="callback")

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def send(self, transaction: Transaction, event: str | None = None) -> None:
        """Deliver in the background: a transaction's result, or an interim event of v2."""
        self._threads.submit(self.deliver, transaction, event)

    def deliver(self, transaction: Transaction, event: str | None = None) -> None:
        """Deliver now; return after a successful attempt or the last one."""
        url = transaction.callback_url
        if url is None:
            return
        delivery = self._prepare(transaction, event)
        self._closing.wait(delivery.seconds)
        notes = [self._try(url, delivery) for _ in range(delivery.copies)]
        log.info("callback of %s: %s", transaction.id, ", ".join(notes))
        self._store.note_delivery(transaction.id, ", ".join(notes) or "lost on purpose")

    def _prepare(self, transaction: Transaction, event: str | None) -> Delivery | webhooks.Delivery:
        merchant = self._merchant
        if transaction.api == "v2":
            body = webhooks.body_of(merchant.id, transaction, event)
            webhook = webhooks.Delivery(body, self._account.webhook_user, self._account.webhook_password)
            armed = self._store.take(list(v2_faults.CALLBACK), transaction.id)
            return v2_faults.CALLBACK[armed.fault].apply(webhook, armed) if armed else webhook
        callback = Delivery(describe(merchant.id, transaction), merchant.salts[merchant.index], merchant.index)
        armed = self._store.take(list(faults.CALLBACK), transaction.id)
        return faults.CALLBACK[armed.fault].apply(callback, armed) if armed else callback

    def _try(self, url: str, delivery: Delivery | webhooks.Delivery) -> str:
        text, headers = delivery.sealed()
        note = "not sent"
        for pause in _PAUSES_SECONDS:
            if self._closing.wait(pause):
                break
            note, delivered = _post(url, text, headers | {"Content-Type": "application/json"})
            if delivered:
                break
        return note


def _post(url: str, body: str, headers: dict[str, str]) -> tuple[str, bool]:
    try:
        with requests.Session() as session:
            session.trust_env = False  # a local merchant is not reached through a proxy
            answer = session.post(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return type(error).__name__, False
    return f"HTTP {answer.status_code}", answer.ok
