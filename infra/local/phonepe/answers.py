"""Response bodies of v1.

Clients decide by a body's `code`, because PhonePe does not publish all HTTP statuses. Here a known transaction always
gets a 200, whatever its state, and a refused request never does.
"""

from dataclasses import dataclass
from typing import Any

from infra.local.phonepe.store import COMPLETED, Transaction

Body = dict[str, Any]

_MESSAGES = {
    "PAYMENT_SUCCESS": "Your payment is successful.",
    "PAYMENT_PENDING": "Your payment is in pending state.",
    "PAYMENT_ERROR": "Payment Failed",
    "PAYMENT_DECLINED": "Payment declined by the customer",
    "PAYMENT_CANCELLED": "Payment cancelled by the customer",
    "TIMED_OUT": "The payment was not completed in time",
    "REVERSAL_WINDOW_EXCEEDED": "The payment is too old to be refunded",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP response, sent after `seconds`: a JSON body, or text that is not JSON."""

    body: Body | str
    status: int = 200
    seconds: float = 0.0


class RefusedError(Exception):
    """A refused request, with the code of the response."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.answer = Answer({"success": False, "code": code, "message": message}, status)


def initiated(merchant_id: str, transaction_id: str, page_url: str) -> Answer:
    """Return the response of pay: only the page exists so far."""
    instrument = {"type": "PAY_PAGE", "redirectInfo": {"url": page_url, "method": "GET"}}
    data = {
        "merchantId": merchant_id,
        "merchantTransactionId": transaction_id,
        "instrumentResponse": instrument,
    }
    return Answer({"success": True, "code": "PAYMENT_INITIATED", "message": "Payment initiated", "data": data})


def describe(merchant_id: str, transaction: Transaction) -> Body:
    """Return the body that a status response, a refund response and a callback share."""
    return {
        "success": transaction.code in {"PAYMENT_SUCCESS", "PAYMENT_PENDING"},
        "code": transaction.code,
        "message": _MESSAGES[transaction.code],
        "data": {
            "merchantId": merchant_id,
            "merchantTransactionId": transaction.id,
            "transactionId": transaction.reference,
            "amount": transaction.amount,
            "state": transaction.state,
            "responseCode": transaction.response_code,
            "paymentInstrument": _instrument(transaction) if transaction.state == COMPLETED else None,
        },
    }


def _instrument(transaction: Transaction) -> Body:
    return {
        "type": "UPI",
        "utr": transaction.utr,
        "upiTransactionId": f"YBL{transaction.reference}",
        "vpa": "customer@ybl",
        "accountType": "SAVINGS",
        "maskedAccountNumber": "XXXXXXXXXX890125",
        "ifsc": "AABF0009009",
    }
