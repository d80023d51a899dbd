from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.request import NotServiceable
from shared.kit.errors import Invalid
from shared.kit.paging import PageView
from shared.lines.home_chef import browsing
from shared.lines.home_chef.schemas import (
    FreeChefsQuery,
    FreeChefView,
    FreeTimesQuery,
    FreeTimesView,
    PublicChefView,
)
from shared.lines.home_chef.visit import ChefNotFound
from shared.users.models import CUSTOMER

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/chefs", query=FreeChefsQuery, answer=PageView[FreeChefView], refuses=(Invalid, NotServiceable))
def list_free_chefs(call: Call, query: FreeChefsQuery) -> PageView[FreeChefView]:
    """List the chefs available for a visit with each one's price, the best rated first; send address_id or city."""
    with call.reading() as (session, caller):
        return browsing.free_chefs(session, caller.id, query, call.now)


@routes.get("/chefs/{chef_id}", answer=PublicChefView, refuses=(ChefNotFound,))
def get_chef(call: Call, chef_id: UUID) -> PublicChefView:
    """Show a chef with the weekly availability and the newest ratings."""
    with call.reading() as (session, _):
        return browsing.public_chef(session, chef_id)


@routes.get("/slots", query=FreeTimesQuery, answer=FreeTimesView, refuses=(Invalid, NotServiceable))
def list_free_times(call: Call, query: FreeTimesQuery) -> FreeTimesView:
    """List the times of a day at which a visit can start, with one chef or any."""
    with call.reading() as (session, caller):
        return browsing.free_times(session, caller.id, query, call.now)
