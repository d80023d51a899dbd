"""Response bodies of v2: flat, without an envelope; clients decide by an order's root `state`."""

from typing import Any

from infra.local.phonepe.answers import Answer, Body
from infra.local.phonepe.store import COMPLETED, FAILED, PENDING, Transaction

FEE_PERCENT = 2
CONFIRMED = "CONFIRMED"


def begun(order: Transaction, page_url: str) -> Answer:
    """Return the response of pay: only the page exists so far."""
    body = {"orderId": order.reference, "state": PENDING, "expireAt": _ms(order.expires_at), "redirectUrl": page_url}
    return Answer(body)


def refund_begun(refund: Transaction) -> Answer:
    """Return the response to a refund request; an impossible refund has failed at once."""
    body = {"refundId": refund.reference, "amount": refund.amount, "state": refund.state}
    return Answer(body | _errors(refund))


def describe(merchant_id: str, transaction: Transaction, *, details: bool = False) -> Body:
    """Return the body of a status response or webhook, of an order or a refund; `details` lists all attempts."""
    root = _refund if transaction.kind == "refund" else _order
    tries = [_failed_try(transaction, nth) for nth in range(transaction.tries)]
    if transaction.state != PENDING:
        tries.append(_try(transaction))
    shown = tries if details else tries[-1:]
    return {"merchantId": merchant_id, **root(transaction), "paymentDetails": shown} | _errors(transaction)


def _order(order: Transaction) -> Body:
    fee = {"feeAmount": _fee(order)} if order.state == COMPLETED else {}
    return {
        "merchantOrderId": order.id,
        "orderId": order.reference,
        "state": order.state,
        "amount": order.amount,
        "payableAmount": order.amount,
        **fee,
        "expireAt": _ms(order.expires_at),
    }


def _refund(refund: Transaction) -> Body:
    """Return a refund's fields; a pending refund is CONFIRMED, which is not final."""
    return {
        "merchantRefundId": refund.id,
        "originalMerchantOrderId": refund.original_id,
        "refundId": refund.reference,
        "amount": refund.amount,
        "state": CONFIRMED if refund.state == PENDING else refund.state,
        "timestamp": _ms(refund.created_at),
    }


def _errors(transaction: Transaction) -> dict[str, str]:
    if transaction.state != FAILED:
        return {}
    if transaction.code == "TIMED_OUT":
        return {"errorCode": "PAYMENT_ERROR", "detailedErrorCode": "TXN_AUTO_FAILED"}
    return {"errorCode": transaction.code, "detailedErrorCode": transaction.response_code}


def _try(transaction: Transaction) -> dict[str, Any]:
    paid = transaction.state == COMPLETED
    rail = {"type": "UPI", "utr": transaction.utr, "upiTransactionId": f"YBL{transaction.reference}"}
    account = {"type": "ACCOUNT", "maskedAccountNumber": "XXXXXXXXXX890125", "accountType": "SAVINGS"}
    return {
        "transactionId": f"OM{transaction.reference[3:]}",
        "paymentMode": "UPI_INTENT",
        "timestamp": _ms(transaction.created_at),
        "amount": transaction.amount,
        "payableAmount": transaction.amount,
        "state": transaction.state,
        **({"rail": rail | {"vpa": "customer@ybl"}, "instrument": account} if paid else {}),
        **_errors(transaction),
    }


def _failed_try(order: Transaction, nth: int) -> dict[str, Any]:
    return {
        "transactionId": f"OM{order.reference[3:]}{nth}",
        "paymentMode": "UPI_INTENT",
        "timestamp": _ms(order.created_at),
        "amount": order.amount,
        "state": FAILED,
        "errorCode": "AUTHORIZATION_ERROR",
        "detailedErrorCode": "ZM",
    }


def _fee(order: Transaction) -> int:
    return order.amount * FEE_PERCENT // 100


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1_000)
