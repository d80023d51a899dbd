"""The gateways' callbacks: verified, stored in the inbox, and handled later by a task.

v1 signs the body's `response`. v2 sends a shared secret in Authorization, which proves nothing about the body.
"""

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
