"""The line's function; its routes are registered here, not in the core."""

from functions.web.app import serve
from functions.wiring import ENQUEUEING

MODULE = "tests.lines.errand.routes"
ROUTES = {
    "/api/v1/errand/quotes": {"POST": MODULE},
    "/api/v1/errand/bookings": {"POST": MODULE},
    "/api/v1/errand/bookings/{booking_id}/cancellation": {"GET": MODULE},
    "/api/v1/errand/bookings/{booking_id}/cancel": {"POST": MODULE},
}
errand = serve("errand", {}, {"errand": ROUTES}, requires=["database_url", "jwt_keys", *ENQUEUEING])
