from functions.web import Call, Routes
from shared.kit.paging import PageQuery, PageView
from shared.payments import queries
from shared.payments.schemas import ReconciliationView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/reconciliations", query=PageQuery, answer=PageView[ReconciliationView])
def list_reconciliations(call: Call, query: PageQuery) -> PageView[ReconciliationView]:
    """List the rounds in which the gateway was asked about what had not ended, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.list_reconciliations(session, query)
        return PageView(items=[ReconciliationView.model_validate(row) for row in rows], next_cursor=cursor)
