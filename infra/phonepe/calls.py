"""One HTTP call to PhonePe, with timeouts, never retried, outside any transaction."""

from typing import Any

import requests

from infra.outside import assert_outside_transaction
from shared.payments.gateway import GatewayUnavailable

TIMEOUT = (3.05, 10.0)  # seconds to connect, and between bytes
_BUSY_OR_BROKEN = {429, *range(500, 600)}


def new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a .netrc must not replace the credentials, a proxy must not see them
    session.headers["Accept"] = "application/json"
    return session


def send(http: requests.Session, method: str, url: str, **content: Any) -> tuple[int, Any]:
    """Return the HTTP status and the JSON body, None if it is not JSON. Raises GatewayUnavailable without a response.

    It never retries and follows no redirect, because the gateway may already have acted on the request.
    """
    assert_outside_transaction()
    try:
        response = http.request(method, url, timeout=TIMEOUT, allow_redirects=False, **content)
    except requests.RequestException as error:
        raise GatewayUnavailable(type(error).__name__) from None  # a traceback's variables contain the request
    if response.status_code in _BUSY_OR_BROKEN:
        raise GatewayUnavailable(f"HTTP {response.status_code}")
    try:
        return response.status_code, response.json()
    except (ValueError, RecursionError):
        return response.status_code, None
