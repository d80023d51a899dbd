"""The effect of each callback fault: the stand-in sends it, our endpoint stores it, and its message is handled."""

import io
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.serving import listen
from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer, our_id
from shared.kit.settings import Keys
from shared.payments.checkout import NotPayable
from tests.conftest import SALTS
from tests.framework import framed
from tests.waiting import until

COPIES, OTHER = 20, "OTHER-1"
# The customer's outcome, the callback's HTTP statuses, the results of its stored messages, the attempt's state.
CALLBACKS = {
    "callback.lost": ("pay", set(), [], "pending"),
    "callback.repeated": ("pay", {200}, ["succeeded"], "succeeded"),
    "callback.delayed": ("pay", {200}, ["succeeded"], "succeeded"),
    "callback.bad_signature": ("pay", {401}, [], "pending"),
    "callback.unknown_index": ("pay", {401}, [], "pending"),
    "callback.other_merchant": ("pay", {200}, ["succeeded"], "succeeded"),
    "callback.other_amount": ("pay", {200}, ["succeeded"], "succeeded"),
    "callback.unknown_transaction": ("pay", {200}, ["unknown"], "pending"),
    "callback.claims_success": ("decline", {200}, ["failed"], "failed"),
}
COUNTS = {"callback.lost": 0, "callback.repeated": COPIES}  # the others arrive once; a refused callback is retried
VALUES = {"callback.repeated": COPIES, "callback.delayed": 0.2}


@dataclass
class Receiver:
    """Our callback endpoint behind a server; records its statuses by the callback's transaction id."""

    app: Any
    answers: list[tuple[str, int]] = field(default_factory=list)
    after: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)

        def answered(status: str, *rest: Any) -> Any:
            self.answers.append((our_id(body), int(status.split(maxsplit=1)[0])))
            return start_response(status, *rest)

        answer = self.app(environ, answered)
        if self.after:
            self.after()
        return answer


@pytest.fixture
def receiver(in_process, phonepe, monkeypatch) -> Iterator[Receiver]:  # noqa: ARG001
    for name, value in {
        "PHONEPE_BASE_URL": phonepe.url,
        "PHONEPE_MERCHANT_ID": phonepe.merchant_id,
        "PHONEPE_SALT_KEYS": ",".join(f"{index}:{salt}" for index, salt in SALTS.items()),
    }.items():
        monkeypatch.setenv(name, value)
    from functions.callback import callback

    return Receiver(framed(callback.app))


@pytest.fixture
def gateway(phonepe, receiver) -> Iterator[PhonePe]:
    """The real client, with our endpoint as its callback URL."""
    server = listen(receiver, 0)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    url = f"http://127.0.0.1:{server.port}/api/v1/payments/callback"
    yield PhonePe(phonepe.url, phonepe.merchant_id, Signer(Keys(SALTS)), url)
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def work(in_process, make, now):  # noqa: ARG001
    """Handle the callbacks' messages as their tasks do."""
    from functions.tasks.handlers import handler

    def work():
        waiting = "select id, kind, payload from outbox where kind = 'payments.callback' and done_at is null"
        for message_id, kind, payload in make.rows(waiting):
            handler(kind)(payload, now)
            make.run("update outbox set done_at = now() where id = :id", id=message_id)

    return work


@pytest.fixture
def page(make, gateway):
    """Book a visit and start a payment; returns the booking and our id."""

    def page():
        make.chef()
        customer = make.customer()
        booking = make.booking(customer)
        return customer, booking, make.page(gateway, customer, booking.id).merchant_txn_id

    return page


def state(make, our_txn):
    return make.rows("select state from payment_attempts where merchant_txn_id = :id", id=our_txn)[0][0]


def stored_results(make):
    """Return the results of the stored messages by the transaction id they carry."""
    found: dict[str, list[str]] = {}
    for body, outcome in make.rows("select body, outcome from inbox order by received_at"):
        found.setdefault(our_id(bytes(body)), []).append(outcome)
    return found


def test_callback_is_a_hint_and_gateway_is_polled(make, phonepe, gateway, receiver, page, work):
    """Fails when a callback's claims are trusted, an unsigned one is stored, or a copy is stored twice."""
    ids = {}
    for fault, (outcome, *_) in CALLBACKS.items():
        _, _, ids[fault] = page()
        phonepe.fault(fault, value=VALUES.get(fault), transaction=ids[fault])
        phonepe.settle(ids[fault], outcome)
    named = {fault: OTHER if fault == "callback.unknown_transaction" else ids[fault] for fault in ids}
    expected = {named[fault]: COUNTS.get(fault, 1) for fault in ids}

    def all_received() -> bool:
        received = Counter(txn for txn, _ in receiver.answers)
        return all(received[each] >= count for each, count in expected.items())

    until(all_received)
    work()
    results = {}
    for fault, (outcome, *_) in CALLBACKS.items():
        statuses = {status for txn, status in receiver.answers if txn == named[fault]}
        results[fault] = (outcome, statuses, stored_results(make).get(named[fault], []), state(make, ids[fault]))
    assert results == CALLBACKS
    assert Counter(txn for txn, _ in receiver.answers)[ids["callback.repeated"]] == COPIES
    for fault, (outcome, *_) in CALLBACKS.items():
        assert make.settle(gateway, ids[fault]) == ("succeeded" if outcome == "pay" else "failed")
    captured = make.rows("select count(*) from ledger_transactions where kind = 'captured'")
    assert captured == [(len([row for row in CALLBACKS.values() if row[0] == "pay"]),)]


def test_callback_before_start_answer_pays_booking(make, phonepe, receiver, gateway, work):
    """The callback is handled while our attempt has no page.

    Fails when only an attempt with a page can succeed, and when opening the page makes it pending again.
    """
    customer = make.customer()
    booking = make.booking(customer)
    receiver.after = work
    phonepe.fault("pay.callback_first")
    our_txn = make.page(gateway, customer, booking.id).merchant_txn_id
    assert (state(make, our_txn), stored_results(make)) == ("succeeded", {our_txn: ["succeeded"]})
    assert make.stored(booking.id).status == "confirmed"
    with pytest.raises(NotPayable):
        make.page(gateway, customer, booking.id)
    assert make.balances(booking.id) == {"gateway_clearing": booking.total, "customer_advance": -booking.total}
