from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.errors import Invalid
from shared.kit.paging import PageQuery, PageView
from shared.payments import queries
from shared.payments.exception_resolution import AlreadyClosed
from shared.payments.reconciliation import deciding
from shared.payments.reconciliation import queries as report
from shared.payments.reconciliation.deciding import RowNotFound
from shared.payments.reconciliation.schemas import ReconciliationDayView, RowAction, RowsQuery, RowView
from shared.payments.reconciliation.views import day_view, row_view
from shared.payments.schemas import ReconciliationView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/reconciliations", query=PageQuery, answer=PageView[ReconciliationView])
def list_reconciliations(call: Call, query: PageQuery) -> PageView[ReconciliationView]:
    """List the polling runs for unfinished payments and refunds, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.list_reconciliations(session, query)
        return PageView(items=[ReconciliationView.model_validate(row) for row in rows], next_cursor=cursor)


@routes.get("/reconciliations/days", query=PageQuery, answer=PageView[ReconciliationDayView])
def list_days(call: Call, query: PageQuery) -> PageView[ReconciliationDayView]:
    """List the days reconciled with the gateway and their results, the newest first."""
    with call.reading() as (session, _):
        days, cursor = report.list_days(session, query)
        return PageView(items=[day_view(day) for day in days], next_cursor=cursor)


@routes.get("/reconciliations/rows", query=RowsQuery, answer=PageView[RowView])
def list_rows(call: Call, query: RowsQuery) -> PageView[RowView]:
    """Search the payments and refunds that were reconciled with the gateway, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = report.list_rows(session, query)
        return PageView(items=[row_view(row) for row in rows], next_cursor=cursor)


@routes.put(
    "/reconciliations/rows/{row_id}",
    body=RowAction,
    answer=RowView,
    refuses=(RowNotFound, AlreadyClosed, Invalid),
)
def decide(call: Call, row_id: UUID, body: RowAction) -> RowView:
    """Apply an action that a row allows; settling and comparing again query the gateway later, and the row shows the result."""
    with call.writing() as (session, caller):
        return row_view(deciding.act(session, row_id, body, call.by(caller), call.now))
