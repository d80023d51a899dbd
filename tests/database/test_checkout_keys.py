"""Starting a payment under an Idempotency-Key: the answer is rebuilt from the attempt, and no crash blocks the key."""

from datetime import timedelta

import pytest

from functions.wiring import line
from shared.idempotency.queries import Key, KeyReused, fingerprint
from shared.payments import status_polling
from shared.payments.checkout import NotPayable, PaymentInProgress
from shared.payments.gateway import GatewayUnavailable
from tests.make import always, run_concurrently


@pytest.fixture
def pay(make, gateway, customer, booking, now):
    def pay(key="a-key", after=timedelta(0), of_booking=booking):
        def key_of(caller):
            return Key(caller.id, "POST /initiate", key, fingerprint({"booking_id": str(of_booking.id)}))

        return make.checkout(gateway).start(make.begin(customer), of_booking.id, key_of, now + after)

    return pay


def test_same_key_returns_its_attempts_page(pay, phonepe, db, gateway, now):
    page = pay()
    assert pay() == page
    phonepe.settle(page.merchant_txn_id, "decline")
    status_polling.poll_by_our_id(db, always(gateway), line, page.merchant_txn_id, now)
    assert pay(after=timedelta(hours=1)) == page
    assert pay("another", after=timedelta(minutes=1)) != page
    assert pay() == page


def test_reused_page_is_stored_under_new_key(pay, phonepe, db, gateway, now):
    page = pay("one")
    assert pay("two") == page
    phonepe.settle(page.merchant_txn_id, "pay")
    status_polling.poll_by_our_id(db, always(gateway), line, page.merchant_txn_id, now)
    assert pay("two") == page
    with pytest.raises(NotPayable):
        pay("three")


def test_same_key_for_other_booking_is_refused(pay, make, customer):
    pay()
    with pytest.raises(KeyReused):
        pay(of_booking=make.booking(customer, booking_date=make.day(4)))


@pytest.mark.parametrize("fault", ["pay.unreached", "pay.refused", "pay.http_500"])
def test_key_of_failed_start_may_start_again(pay, phonepe, fault):
    """Fails when the key is stored before there is a page: it would answer 409 for a day."""
    phonepe.fault(fault)
    with pytest.raises(GatewayUnavailable):
        pay()
    page = pay(after=timedelta(seconds=20))
    assert page.payment_url
    assert pay(after=timedelta(seconds=21)) == page


def test_key_in_flight_is_409_then_its_page(pay, phonepe, make):
    phonepe.fault("pay.timeout", value=0.3)
    outcomes = run_concurrently(4, pay)
    [page] = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Exception)} == {PaymentInProgress}
    assert pay() == page
    assert make.rows("select count(*) from payment_attempts") == [(1,)]
