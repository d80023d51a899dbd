from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.places import catalog
from shared.places.catalog import AreaNotFound
from shared.places.schemas import AreaChange, AreaView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.put("/service-areas/{area_id}", body=AreaChange, answer=AreaView, refuses=(AreaNotFound,))
def change_area(call: Call, area_id: UUID, body: AreaChange) -> AreaView:
    """Move, resize or switch off a service area: an absent field is unchanged; booked visits stay booked."""
    with call.writing() as (session, caller):
        given = body.model_dump(exclude_unset=True)
        return catalog.change_area(session, area_id, given, call.by(caller), call.now)


@routes.delete("/service-areas/{area_id}", refuses=(AreaNotFound,))
def remove_area(call: Call, area_id: UUID) -> None:
    """Remove a service area; booked visits stay booked."""
    with call.writing() as (session, caller):
        catalog.remove_area(session, area_id, call.by(caller), call.now)
