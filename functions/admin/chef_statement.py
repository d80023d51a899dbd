from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments import earnings
from shared.appointments.earnings import EarningsQuery, EarningsView
from shared.appointments.providers import queries
from shared.kit.errors import Invalid
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import ZONE, ChefNotFound
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/chefs/{chef_id}/statement", query=EarningsQuery, answer=EarningsView, refuses=(ChefNotFound, Invalid))
def show_statement(call: Call, chef_id: UUID, query: EarningsQuery) -> EarningsView:
    """Show a chef's statement for a period of local days: opening balance, each posting, closing balance."""
    with call.reading() as (session, _):
        statement = earnings.earnings(session, chef_id, query, ZONE, call.now)  # an invalid query is refused first
        queries.provider(session, LINE, chef_id)
        return statement
