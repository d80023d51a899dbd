from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.idempotency.queries import KeyReused
from shared.kit.paging import PageQuery, PageView
from shared.places import catalog
from shared.places.catalog import LocationExists, LocationNotFound
from shared.places.schemas import AreaRequest, AreaView, LocationChange, LocationRequest, LocationView
from shared.sign_in.sessions import Caller
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/locations", query=PageQuery, answer=PageView[LocationView])
def list_locations(call: Call, query: PageQuery) -> PageView[LocationView]:
    """List the locations (cities and pincodes) with their service areas, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = catalog.locations(session, query)
        return PageView(items=[catalog.view(*row) for row in rows], next_cursor=cursor)


@routes.post(
    "/locations",
    body=LocationRequest,
    answer=LocationView,
    status=201,
    refuses=(LocationExists, KeyReused),
    idempotent=True,
)
def add_location(call: Call, body: LocationRequest) -> LocationView:
    """Add a location: a city, or one pincode of it."""
    return idempotent(call, lambda session, caller: catalog.add(session, body.model_dump(), call.by(caller), call.now))


@routes.put(
    "/locations/{location_id}",
    body=LocationChange,
    answer=LocationView,
    refuses=(LocationNotFound, LocationExists),
)
def change_location(call: Call, location_id: UUID, body: LocationChange) -> LocationView:
    """Change a location, or switch it off and on: an absent field is unchanged; booked visits stay booked."""
    with call.writing() as (session, caller):
        given = body.model_dump(exclude_unset=True)
        return catalog.change(session, location_id, given, call.by(caller), call.now)


@routes.delete("/locations/{location_id}", refuses=(LocationNotFound,))
def remove_location(call: Call, location_id: UUID) -> None:
    """Remove a location with its areas; booked visits stay booked."""
    with call.writing() as (session, caller):
        catalog.remove(session, location_id, call.by(caller), call.now)


@routes.post(
    "/locations/{location_id}/areas",
    body=AreaRequest,
    answer=AreaView,
    status=201,
    refuses=(LocationNotFound, KeyReused),
    idempotent=True,
)
def add_area(call: Call, location_id: UUID, body: AreaRequest) -> AreaView:
    """Add a service area to a location: a circle on the map."""

    def add(session: Session, caller: Caller) -> AreaView:
        return catalog.add_area(session, location_id, body.model_dump(), call.by(caller), call.now)

    return idempotent(call, add)
