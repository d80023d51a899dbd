from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.errors import Invalid
from shared.lines.home_chef import earnings
from shared.lines.home_chef.lifecycle import CHEF
from shared.lines.home_chef.schemas import EarningsQuery, EarningsView

routes = Routes("/api/v1/chef", CHEF)


@routes.get("/earnings", query=EarningsQuery, answer=EarningsView, refuses=(Invalid,))
def show_earnings(call: Call, query: EarningsQuery) -> EarningsView:
    """Tell what the chef has earned in a period and by which visits; it is owed: there is no payout yet."""
    with call.reading() as (session, caller):
        return earnings.earnings(session, caller.id, query, call.now)
