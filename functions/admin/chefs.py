from uuid import UUID

from sqlalchemy.orm import Session

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.appointments import assignment
from shared.appointments.providers import queries, registration
from shared.appointments.providers.registration import Registration
from shared.appointments.providers.schemas import ProviderQuery, WeekRequest
from shared.bookings.history import Actor
from shared.bookings.promotion import Blocked, HasBookings, HasRole
from shared.idempotency.queries import KeyReused
from shared.kit.errors import Invalid
from shared.kit.paging import PageView
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.schemas import ChefChange, ChefDetailView, ChefRegistration, RegisteredChefView
from shared.lines.home_chef.views import chef_detail_view, registered_chef_view
from shared.lines.home_chef.visit import ChefNotFound
from shared.sign_in.sessions import Caller
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/chefs", query=ProviderQuery, answer=PageView[RegisteredChefView])
def list_chefs(call: Call, query: ProviderQuery) -> PageView[RegisteredChefView]:
    """List the chefs with their profiles, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.list_providers(session, LINE, query)
        return PageView(items=[registered_chef_view(*row) for row in rows], next_cursor=cursor)


@routes.post(
    "/chefs",
    body=ChefRegistration,
    answer=ChefDetailView,
    status=201,
    refuses=(HasRole, HasBookings, Blocked, KeyReused),
    idempotent=True,
)
def register_chef(call: Call, body: ChefRegistration) -> ChefDetailView:
    """Register a chef by sign-in address; a customer without bookings is promoted to chef."""

    def register(session: Session, caller: Caller) -> ChefDetailView:
        by = call.by(caller)
        return _view(registration.register(session, LINE, body.email, body, by, call.now))

    return idempotent(call, register)


@routes.get("/chefs/{chef_id}", answer=ChefDetailView, refuses=(ChefNotFound,))
def get_chef(call: Call, chef_id: UUID) -> ChefDetailView:
    """Show a chef with the weekly availability, and who verified them when."""
    with call.reading() as (session, _):
        return _view(registration.find(session, LINE, chef_id))


@routes.put("/chefs/{chef_id}", body=ChefChange, answer=ChefDetailView, refuses=(ChefNotFound,))
def change_chef(call: Call, chef_id: UUID, body: ChefChange) -> ChefDetailView:
    """Change, verify (the admin and the time are recorded) or reactivate a chef: an absent field is unchanged."""
    with call.writing() as (session, caller):
        return _view(registration.change(session, LINE, chef_id, body, call.by(caller), call.now))


@routes.delete("/chefs/{chef_id}", refuses=(ChefNotFound,))
def deactivate_chef(call: Call, chef_id: UUID) -> None:
    """Deactivate a chef: their sessions end at once, and their visits are reassigned."""
    with call.writing() as (session, caller):
        registration.deactivate(session, LINE, chef_id, call.by(caller), call.now)
    assignment.release_all(wiring.database(), LINE, chef_id, Actor(ADMIN, caller.id), call.now)


@routes.post("/chefs/{chef_id}/availability", body=WeekRequest, answer=ChefDetailView, refuses=(ChefNotFound, Invalid))
def set_availability(call: Call, chef_id: UUID, body: WeekRequest) -> ChefDetailView:
    """Replace a chef's weekly availability; booked visits stay booked."""
    with call.writing() as (session, caller):
        by = call.by(caller)
        return _view(registration.set_week(session, LINE, chef_id, body.slots, by, call.now))


def _view(registered: Registration) -> ChefDetailView:
    return chef_detail_view(registered.user, registered.provider, registered.week)
