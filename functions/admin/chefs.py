from uuid import UUID

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.bookings.history import Actor
from shared.bookings.promotion import Blocked, HasBookings, HasRole
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.kit.paging import PageView
from shared.lines.home_chef import reassignment
from shared.lines.home_chef.chefs import registration
from shared.lines.home_chef.chefs.registry import queries
from shared.lines.home_chef.chefs.registry.queries import ChefNotFound
from shared.lines.home_chef.chefs.registry.schemas import (
    ChefChange,
    ChefFileView,
    ChefQuery,
    ChefRegistration,
    RegisteredChefView,
)
from shared.lines.home_chef.chefs.schemas import WeekRequest
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/chefs", query=ChefQuery, answer=PageView[RegisteredChefView])
def list_chefs(call: Call, query: ChefQuery) -> PageView[RegisteredChefView]:
    """List the chefs with their profiles, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.listed(session, query)
        return PageView(items=[registration.view(*row) for row in rows], next_cursor=cursor)


@routes.post(
    "/chefs",
    body=ChefRegistration,
    answer=ChefFileView,
    status=201,
    refuses=(HasRole, HasBookings, Blocked, KeyReused),
    idempotent=True,
)
def register_chef(call: Call, body: ChefRegistration) -> ChefFileView:
    """Register a chef by the address they sign in with; a customer becomes one while they have no bookings."""
    return idempotent(call, lambda session, caller: registration.register(session, body, call.by(caller), call.now))


@routes.get("/chefs/{chef_id}", answer=ChefFileView, refuses=(ChefNotFound,))
def get_chef(call: Call, chef_id: UUID) -> ChefFileView:
    """Show one chef with the week they work in, and who verified them when."""
    with call.reading() as (session, _):
        return registration.shown(session, chef_id)


@routes.put("/chefs/{chef_id}", body=ChefChange, answer=ChefFileView, refuses=(ChefNotFound,))
def change_chef(call: Call, chef_id: UUID, body: ChefChange) -> ChefFileView:
    """Change a chef, verify one (who and when is kept), or take a deactivated one back: an absent field stays."""
    with call.writing() as (session, caller):
        given = body.model_dump(exclude_unset=True)
        return registration.change(session, chef_id, given, call.by(caller), call.now)


@routes.delete("/chefs/{chef_id}", refuses=(ChefNotFound,))
def deactivate_chef(call: Call, chef_id: UUID) -> None:
    """Deactivate a chef: signed out at once, and the visits they were to cook go to others."""
    with call.writing() as (session, caller):
        registration.deactivate(session, chef_id, call.by(caller), call.now)
    reassignment.leave(wiring.database(), chef_id, Actor(ADMIN, caller.id), call.now)


@routes.post("/chefs/{chef_id}/availability", body=WeekRequest, answer=ChefFileView, refuses=(ChefNotFound, Invalid))
def set_availability(call: Call, chef_id: UUID, body: WeekRequest) -> ChefFileView:
    """Set the whole week a chef works in, in place of the one before; visits that are booked stand."""
    with call.writing() as (session, caller):
        return registration.set_week(session, chef_id, body.slots, call.by(caller), call.now)
