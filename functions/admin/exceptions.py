from uuid import UUID

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings.admin import queries
from shared.bookings.admin.schemas import ExceptionClosing, ExceptionsQuery, ExceptionView
from shared.kit.errors import Invalid
from shared.kit.paging import PageView
from shared.payments import exception_resolution
from shared.payments.exception_resolution import AlreadyClosed, ExceptionNotFound
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/exceptions", query=ExceptionsQuery, answer=PageView[ExceptionView])
def list_exceptions(call: Call, query: ExceptionsQuery) -> PageView[ExceptionView]:
    """List exceptions, which need an admin's decision, the newest first; without `state`, the open ones."""
    with call.reading() as (session, _):
        rows, cursor = queries.list_reviews(session, query)
        return PageView(items=[ExceptionView.model_validate(row) for row in rows], next_cursor=cursor)


@routes.put(
    "/exceptions/{exception_id}",
    body=ExceptionClosing,
    answer=ExceptionView,
    refuses=(ExceptionNotFound, AlreadyClosed, Invalid),
)
def close_exception(call: Call, exception_id: UUID, body: ExceptionClosing) -> ExceptionView:
    """Close an exception with a note; a refund that needs manual review is completed by the reference that proves it."""
    with call.writing() as (session, caller):
        closed = exception_resolution.close(session, wiring.line, exception_id, body, call.by(caller), call.now)
        return ExceptionView.model_validate(closed)
