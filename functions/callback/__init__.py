"""What a gateway tells us: verified over the bytes as they came, stored, answered at once, looked into later."""

from functions import gateways
from functions.web.app import serve
from functions.wiring import ENQUEUEING

ROUTES = {
    "/api/v1/payments/callback": {"POST": "functions.callback.phonepe"},
    "/api/v1/payments/callback/phonepe": {"POST": "functions.callback.phonepe"},
}

callback = serve(
    "callback",
    ROUTES,
    requires=["database_url", *gateways.callback_needs(), *ENQUEUEING],
    loads=["infra.postgres.engine"],
)
