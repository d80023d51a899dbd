"""PhonePe PG v1 as a `Gateway`: four HTTP calls, each with a timeout and never retried."""

from functools import cached_property
from typing import Any

import requests

from infra.phonepe import calls
from infra.phonepe.v1 import wire
from shared.kit import log
from shared.payments.gateway import GatewayAnswer, GatewayRefused, GatewayUnavailable, Order, RefundOrder

logger = log.logger(__name__)

# Codes of a pay call that started no payment: the same call would be refused again.
_REFUSALS = {"BAD_REQUEST", "AUTHORIZATION_FAILED", "401", "PAYMENT_ERROR"}
_OUR_FAULT = {"BAD_REQUEST", "AUTHORIZATION_FAILED", "401"}


class PhonePe:
    """One merchant at PhonePe v1; `callback_url` receives its callbacks, `base_url` precedes the signed paths."""

    name = "phonepe"

    def __init__(self, base_url: str, merchant: str, signer: wire.Signer, callback_url: str) -> None:
        self.merchant = merchant
        self._base, self._signer, self._callback_url = base_url.rstrip("/"), signer, callback_url

    @cached_property
    def _http(self) -> requests.Session:
        # Created by the first call, after the worker's fork.
        return calls.new_session()

    def start(self, order: Order) -> str:
        payload = wire.pay_payload(order, self.merchant, self._callback_url)
        answer = self._post(wire.PAY_PATH, payload)
        url = wire.page_url(answer, self.merchant, order.merchant_txn_id)
        if url is not None:
            return url
        code = wire.code_of(answer)
        if code in _REFUSALS:
            raise GatewayRefused(code)
        raise GatewayUnavailable(code or "no code")

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        return wire.payment_answer(self._status(merchant_txn_id))

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        payload = wire.refund_payload(order, self.merchant, self._callback_url)
        return wire.refund_request_answer(self._post(wire.REFUND_PATH, payload))

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        return wire.refund_answer(self._status(merchant_refund_id))

    def _post(self, path: str, payload: dict[str, Any]) -> dict[str, Any]:
        body = wire.envelope(payload)
        return self._call("POST", path, self._signer.sign(body + path), json={"request": body})

    def _status(self, our_id: str) -> dict[str, Any]:
        path = wire.status_path(self.merchant, our_id)
        return self._call("GET", path, self._signer.sign(path))

    def _call(self, method: str, path: str, signature: str, **content: Any) -> dict[str, Any]:
        """Return the JSON object of any HTTP status, because its `code` decides. Raises GatewayUnavailable without one."""
        headers = {"X-VERIFY": signature, "X-MERCHANT-ID": self.merchant, "Content-Type": "application/json"}
        status, answer = calls.send(self._http, method, self._base + path, headers=headers, **content)
        if not isinstance(answer, dict):
            raise GatewayUnavailable(f"HTTP {status} without JSON")
        code = wire.code_of(answer)
        if code in _OUR_FAULT:
            logger.error("gateway refuses our calls", extra=log.fields(alarm="gateway_refuses", code=code))
        return answer
