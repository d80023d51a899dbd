"""PhonePe PG v2 as a `Gateway`: four HTTP calls with an access token, retried only after a 401, which did nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests

from infra.phonepe import calls
from infra.phonepe.reading import mapping
from infra.phonepe.v2 import wire
from infra.phonepe.v2.token import CredentialsRefused, Tokens
from shared.kit import log
from shared.payments.gateway import GatewayAnswer, GatewayRefused, GatewayStatus, GatewayUnavailable, Order, RefundOrder

Reader = Callable[[Mapping[str, Any], str, str], GatewayAnswer]
logger = log.logger(__name__)

_REJECTED = {401, 403}  # our credentials are rejected: the payment's status stays unknown
_REFUSED = {400, 410, 417, 422}  # our request is rejected: nothing was started


@dataclass(frozen=True)
class _Response:
    """An HTTP status and its JSON object; `code` is the gateway's error code, or empty."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return wire.code_of(self.body)

    def is_gateway_error(self, *statuses: int) -> bool:
        """Tell whether it has one of these statuses and a code, so that the gateway sent it and not a proxy."""
        return self.status in statuses and bool(self.code)

    @property
    def unavailable(self) -> GatewayUnavailable:
        return GatewayUnavailable(f"HTTP {self.status} {self.code}".strip())


class PhonePe:
    """One merchant at PhonePe v2; `base_url` precedes the paths. The webhook's URL is set in PhonePe's dashboard."""

    name = "phonepe_v2"

    def __init__(self, base_url: str, merchant: str, tokens: Tokens) -> None:
        self.merchant = merchant
        self._base, self._tokens = base_url.rstrip("/"), tokens

    @cached_property
    def _http(self) -> requests.Session:
        # Created by the first call, after the worker's fork.
        return calls.new_session()

    def start(self, order: Order) -> str:
        try:
            response = self._call("POST", wire.PAY_PATH, json=wire.pay_request(order))
        except CredentialsRefused as refusal:
            raise GatewayRefused(refusal.reason) from refusal
        url = wire.page_url(response.body)
        if response.status == 200 and url is not None:
            return url
        if response.is_gateway_error(*_REFUSED, *_REJECTED):
            raise GatewayRefused(response.code)
        raise response.unavailable

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        response = self._call("GET", wire.payment_path(merchant_txn_id))
        return self._read(response, wire.payment_answer, merchant_txn_id)

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        response = self._call("POST", wire.REFUND_PATH, json=wire.refund_request(order))
        if response.is_gateway_error(*_REFUSED, 409):
            return self._existing_refund(order, response)
        return self._read(response, wire.refund_answer, order.merchant_refund_id)

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        response = self._call("GET", wire.refund_path(merchant_refund_id))
        return self._read(response, wire.refund_answer, merchant_refund_id)

    def _read(self, response: _Response, read: Reader, our_id: str) -> GatewayAnswer:
        if response.is_gateway_error(404):
            return wire.not_found(response.code)
        if response.status != 200:
            raise response.unavailable
        return read(response.body, self.merchant, our_id)

    def _existing_refund(self, order: RefundOrder, refusal: _Response) -> GatewayAnswer:
        """Return the refund that already has this id, after a repeated call; without one, return or raise the refusal."""
        existing = self.refund_status(order.merchant_refund_id)
        if existing.status is not GatewayStatus.NOT_FOUND:
            return existing
        if refusal.status == 409:
            raise refusal.unavailable
        return wire.refused(refusal.code)

    def _call(self, method: str, path: str, **content: Any) -> _Response:
        """Send a request with a valid token and return the response; after a 401 retry once with a new token."""
        token = self._tokens.current()
        status, body = calls.send(self._http, method, self._base + path, auth=token, **content)
        if status == 401:
            token = self._tokens.current(rejected=token)
            status, body = calls.send(self._http, method, self._base + path, auth=token, **content)
        if status == 200 and not isinstance(body, dict):
            raise GatewayUnavailable("HTTP 200 without JSON")
        response = _Response(status, mapping(body))
        if status in _REJECTED:
            logger.error("gateway refuses our calls", extra=log.fields(alarm="gateway_refuses", code=response.code))
        return response
