"""What a gateway tells us: verified over the bytes as they came, stored, answered at once, looked into later."""

from functions.callback import phonepe
from functions.web import serve
from functions.wiring import PROMISING, callback_needs

callback = serve(
    "callback",
    [phonepe.routes],
    requires=["database_url", *callback_needs(), *PROMISING],
    loads=["infra.postgres.engine", "infra.cloud_tasks", "infra.google"],
)
