"""Paying: a page to pay on, and how it went. What the gateway reports arrives at `callback`."""

from functions.serving import serve
from functions.wiring import PROMISING, gateway_needs

payments = serve(
    "payments",
    {
        "/api/v1/payments/status": ["functions.payments.status"],
        "/api/v1/payments/initiate": ["functions.payments.initiation"],
    },
    requires=["database_url", "jwt_keys", "payment_return_url", *gateway_needs(), *PROMISING],
    loads=["infra.postgres.engine"],
)
