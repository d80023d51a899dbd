"""Paying: a page to pay on, and how it went. What the gateway reports arrives at `callback`."""

from functions.payments import attempts
from functions.web import serve
from functions.wiring import PROMISING, gateway_loads, gateway_needs

payments = serve(
    "payments",
    [attempts.routes],
    requires=[
        "database_url",
        "jwt_keys",
        "payment_return_url",
        *gateway_needs(),
        *PROMISING,
    ],
    loads=["infra.postgres.engine", *gateway_loads(), "shared.lines.home_chef.line"],
)
