from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.audit import queries
from shared.audit.schemas import AuditQuery, AuditView
from shared.kit.paging import PageView
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/audit", query=AuditQuery, answer=PageView[AuditView])
def list_entries(call: Call, query: AuditQuery) -> PageView[AuditView]:
    """List the audit log, the newest first: admin, action, before, after, client address."""
    with call.reading() as (session, _):
        rows, cursor = queries.entries(session, query)
        return PageView(items=[AuditView.model_validate(row) for row in rows], next_cursor=cursor)
