"""What a gateway tells us: verified over the bytes as they came, stored, answered at once, looked into later."""

from functions.serving import serve
from functions.wiring import PROMISING, callback_needs

callback = serve(
    "callback",
    {
        "/api/v1/payments/callback": ["functions.callback.phonepe"],
    },
    requires=["database_url", *callback_needs(), *PROMISING],
    loads=["infra.postgres.engine"],
)
