"""Payments: starts a payment at the gateway and shows its status. The gateway's callbacks arrive at `callback`."""

from functions import gateways
from functions.web.app import serve
from functions.wiring import ENQUEUEING

ROUTES = {
    "/api/v1/payments/status/{txn}": {"GET": "functions.payments.status"},
    "/api/v1/payments/initiate": {"POST": "functions.payments.initiation"},
}

payments = serve(
    "payments",
    ROUTES,
    {},
    requires=["database_url", "jwt_keys", "payment_return_url", *gateways.needs(), *ENQUEUEING],
    loads=["infra.postgres.engine"],
)
