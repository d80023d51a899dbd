"""The callbacks a merchant is sent: signed, from the server, best effort, and in nobody's way."""

import base64
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from infra.local.phonepe import faults
from infra.local.phonepe.answers import describe
from infra.local.phonepe.faults import Delivery
from infra.local.phonepe.signing import Merchant, sign
from infra.local.phonepe.store import Store, Transaction

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 3
_PAUSES_SECONDS = (0.0, 0.5, 2.0)  # before each try


class Courier:
    """Delivers callbacks from threads of its own; what is under way when it is closed is lost, as with the vendor."""

    def __init__(self, merchant: Merchant, store: Store, closing: threading.Event) -> None:
        self._merchant = merchant
        self._store = store
        self._closing = closing
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="callback")

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def send(self, transaction: Transaction) -> None:
        """Tell the merchant of a settled transaction, soon."""
        self._threads.submit(self.deliver, transaction)

    def deliver(self, transaction: Transaction) -> None:
        """Tell the merchant of a settled transaction, now; returns once it was told or all tries were in vain."""
        url = transaction.callback_url
        if url is None:
            return
        delivery = self._prepare(transaction)
        self._closing.wait(delivery.seconds)
        notes = [self._try(url, delivery) for _ in range(delivery.copies)]
        self._store.note_delivery(transaction.id, ", ".join(notes) or "lost on purpose")

    def _prepare(self, transaction: Transaction) -> Delivery:
        merchant = self._merchant
        delivery = Delivery(describe(merchant.id, transaction), merchant.salts[merchant.index], merchant.index)
        armed = self._store.take(list(faults.CALLBACK), transaction.id)
        return faults.CALLBACK[armed.fault].apply(delivery, armed) if armed else delivery

    def _try(self, url: str, delivery: Delivery) -> str:
        response = base64.b64encode(json.dumps(delivery.body).encode()).decode()
        headers = {"Content-Type": "application/json", "X-VERIFY": sign(response, delivery.salt_key, delivery.index)}
        note = "not sent"
        for pause in _PAUSES_SECONDS:
            if self._closing.wait(pause):
                break
            note, told = _post(url, json.dumps({"response": response}), headers)
            if told:
                break
        log.info("callback of %s: %s", delivery.body["data"]["merchantTransactionId"], note)
        return note


def _post(url: str, body: str, headers: dict[str, str]) -> tuple[str, bool]:
    try:
        with requests.Session() as session:
            session.trust_env = False  # a merchant on this machine is not behind the proxy of the environment
            answer = session.post(url, data=body, headers=headers, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return type(error).__name__, False
    return f"HTTP {answer.status_code}", answer.ok
