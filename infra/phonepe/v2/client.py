"""PhonePe PG v2 as a gateway: four calls over HTTP under an access token, none repeated but after a 401, which did nothing."""

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

_REJECTED = {401, 403}  # who we are is not accepted: nothing is known of what was asked about
_REFUSED = {400, 410, 417, 422}  # what we asked for is not: nothing was begun


@dataclass(frozen=True)
class _Answered:
    """An HTTP status and the JSON object that came with it; `code` is empty where it does not explain itself."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return wire.code_of(self.body)

    def explains(self, *statuses: int) -> bool:
        """Tell whether it is one of these statuses in the gateway's own words, and not of something on the way."""
        return self.status in statuses and bool(self.code)

    @property
    def unavailable(self) -> GatewayUnavailable:
        return GatewayUnavailable(f"HTTP {self.status} {self.code}".strip())


class PhonePe:
    """One merchant at PhonePe v2; `base_url` is what the paths follow. Where it reports is set in its dashboard."""

    name = "phonepe_v2"

    def __init__(self, base_url: str, merchant: str, tokens: Tokens) -> None:
        self.merchant = merchant
        self._base, self._tokens = base_url.rstrip("/"), tokens

    @cached_property
    def _http(self) -> requests.Session:
        # Made with the first call, after the worker's fork.
        return calls.new_session()

    def start(self, order: Order) -> str:
        try:
            answered = self._call("POST", wire.PAY_PATH, json=wire.pay_request(order))
        except CredentialsRefused as refusal:
            raise GatewayRefused(refusal.reason) from refusal
        url = wire.page_url(answered.body)
        if answered.status == 200 and url is not None:
            return url
        if answered.explains(*_REFUSED, *_REJECTED):
            raise GatewayRefused(answered.code)
        raise answered.unavailable

    def payment(self, merchant_txn_id: str) -> GatewayAnswer:
        answered = self._call("GET", wire.payment_path(merchant_txn_id))
        return self._read(answered, wire.payment_answer, merchant_txn_id)

    def refund(self, order: RefundOrder) -> GatewayAnswer:
        answered = self._call("POST", wire.REFUND_PATH, json=wire.refund_request(order))
        if answered.explains(*_REFUSED, 409):
            return self._refund_there_is(order, answered)
        return self._read(answered, wire.refund_answer, order.merchant_refund_id)

    def refund_status(self, merchant_refund_id: str) -> GatewayAnswer:
        answered = self._call("GET", wire.refund_path(merchant_refund_id))
        return self._read(answered, wire.refund_answer, merchant_refund_id)

    def _read(self, answered: _Answered, read: Reader, our_id: str) -> GatewayAnswer:
        if answered.explains(404):
            return wire.not_found(answered.code)
        if answered.status != 200:
            raise answered.unavailable
        return read(answered.body, self.merchant, our_id)

    def _refund_there_is(self, order: RefundOrder, refusal: _Answered) -> GatewayAnswer:
        """Return the refund whose id was used before, as a repeated call finds it; without one the refusal stands."""
        known = self.refund_status(order.merchant_refund_id)
        if known.status is not GatewayStatus.NOT_FOUND:
            return known
        if refusal.status == 409:
            raise refusal.unavailable
        return wire.refused(refusal.code)

    def _call(self, method: str, path: str, **content: Any) -> _Answered:
        """Return what is answered under a valid token; a token that is rejected is replaced once."""
        token = self._tokens.current()
        status, said = calls.ask(self._http, method, self._base + path, auth=token, **content)
        if status == 401:
            token = self._tokens.current(rejected=token)
            status, said = calls.ask(self._http, method, self._base + path, auth=token, **content)
        if status == 200 and not isinstance(said, dict):
            raise GatewayUnavailable("HTTP 200 without JSON")
        answered = _Answered(status, mapping(said))
        if status in _REJECTED:
            logger.error("gateway refuses our calls", extra=log.fields(alarm="gateway_refuses", code=answered.code))
        return answered
