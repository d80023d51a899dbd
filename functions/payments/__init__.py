"""Paying: a page to pay on, and how it went. What the gateway reports arrives at `callback`."""

from functions.payments import attempts
from functions.web import serve
from functions.wiring import PROMISING

payments = serve(
    "payments",
    [attempts.routes],
    requires=[
        "database_url",
        "jwt_keys",
        "phonepe_merchant_id",
        "phonepe_salt_keys",
        "public_url",
        "payment_return_url",
        *PROMISING,
    ],
    loads=["infra.postgres.engine", "infra.phonepe.client", "shared.lines.home_chef.line"],
)
