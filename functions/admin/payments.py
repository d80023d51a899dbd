from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.paging import PageView
from shared.payments import queries
from shared.payments.schemas import ListedAttemptView, PaymentsQuery
from shared.payments.views import listed_attempt_view
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/payments", query=PaymentsQuery, answer=PageView[ListedAttemptView])
def list_payments(call: Call, query: PaymentsQuery) -> PageView[ListedAttemptView]:
    """Search the payment attempts, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.list_attempts(session, query)
        return PageView(items=[listed_attempt_view(*row) for row in rows], next_cursor=cursor)
