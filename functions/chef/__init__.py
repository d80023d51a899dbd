"""What a chef does: their profile, and the visits offered to them."""

from functions.chef import bookings, profile
from functions.web import serve

chef = serve(
    "chef",
    [profile.routes, bookings.routes],
    requires=["database_url", "jwt_keys", "supplier_address", "supplier_gstin"],
    loads=["infra.postgres.engine"],
)
