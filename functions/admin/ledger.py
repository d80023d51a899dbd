from datetime import timedelta

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.clock import INDIA, midnight
from shared.ledger import queries
from shared.ledger.postings import AccountCode
from shared.ledger.schemas import BalanceView, LedgerQuery, LedgerView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/ledger", query=LedgerQuery, answer=LedgerView)
def show_ledger(call: Call, query: LedgerQuery) -> LedgerView:
    """Show the balance of every ledger account, for all bookings or one, now or at the end of a day in India."""
    until = midnight(query.date_to + timedelta(days=1), INDIA) if query.date_to else None
    with call.reading() as (session, _):
        found = queries.balances(session, query.booking_id, until)
    accounts = [BalanceView(account=code, balance=found.get(code, 0)) for code in AccountCode]
    return LedgerView(accounts=accounts, total=sum(found.values()))
