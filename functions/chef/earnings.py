from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments import earnings
from shared.appointments.earnings import EarningsQuery, EarningsView
from shared.kit.errors import Invalid
from shared.lines.home_chef.visit import CHEF, ZONE

routes = Routes("/api/v1/chef", CHEF)


@routes.get("/earnings", query=EarningsQuery, answer=EarningsView, refuses=(Invalid,))
def show_earnings(call: Call, query: EarningsQuery) -> EarningsView:
    """Show the chef's earnings in a period, by visit; they are owed, because there are no payouts yet."""
    with call.reading() as (session, caller):
        return earnings.earnings(session, caller.id, query, ZONE, call.now)
