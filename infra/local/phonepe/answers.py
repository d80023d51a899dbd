"""The bodies v1 answers with.

A body's `code` is what a client decides on. Their HTTP statuses are not published in full. Here a transaction that
is known is always answered with 200, whatever became of it, and a request that is refused never is.
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
    """An answer over HTTP, after `seconds` of waiting: a JSON body, or text that is none."""

    body: Body | str
    status: int = 200
    seconds: float = 0.0


class RefusedError(Exception):
    """A request that is not carried out, with the code a client is told."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.answer = Answer({"success": False, "code": code, "message": message}, status)


def initiated(merchant_id: str, transaction_id: str, page_url: str) -> Answer:
    """The answer of pay: the page exists, nothing more."""
    instrument = {"type": "PAY_PAGE", "redirectInfo": {"url": page_url, "method": "GET"}}
    data = {
        "merchantId": merchant_id,
        "merchantTransactionId": transaction_id,
        "instrumentResponse": instrument,
    }
    return Answer({"success": True, "code": "PAYMENT_INITIATED", "message": "Payment initiated", "data": data})


def describe(merchant_id: str, transaction: Transaction) -> Body:
    """The one shape of a status answer, a refund's answer and a callback."""
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
