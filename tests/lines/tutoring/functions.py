"""Routes of customers, tutors and admins for lessons."""

from datetime import timedelta
from uuid import UUID

from functions import wiring
from functions.web.actor import with_actor
from functions.web.app import serve
from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.idempotency import idempotent
from shared.appointments import cancellation, earnings, placement, queries, status_changes, views
from shared.appointments.providers import registration
from shared.appointments.providers.queries import list_providers
from shared.appointments.providers.schemas import ProviderQuery, ProviderRegistration, ProviderView
from shared.appointments.schemas import (
    CancellationView,
    CancelRequest,
    CustomerAppointmentView,
    ProviderAppointmentView,
    StatusChange,
)
from shared.kit.paging import PageView
from shared.users.models import ADMIN, CUSTOMER
from tests.lines.tutoring.line import LINE, LessonBody

routes = Routes("/api/v1/tutoring", CUSTOMER)
TUTOR = LINE.provider_role


@routes.post("/lessons", body=LessonBody, answer=CustomerAppointmentView, status=201, idempotent=True)
def book(call: Call, body: LessonBody):
    limits = placement.Limits(timedelta(minutes=20), 5, 10)
    return placement.place(call.locking_piggybacked, LINE, body, call.key, limits, call.now)


@routes.get("/lessons/{booking_id}", answer=CustomerAppointmentView)
def get_lesson(call: Call, booking_id: UUID):
    with call.reading() as (session, caller):
        return views.customer_view(*queries.of_customer(session, LINE.name, caller.id, booking_id))


@routes.get("/lessons/{booking_id}/cancellation", answer=CancellationView)
def preview_cancellation(call: Call, booking_id: UUID):
    with call.reading() as (session, caller):
        return CancellationView.model_validate(cancellation.preview(session, LINE, caller.id, booking_id, call.now))


@routes.post("/lessons/{booking_id}/cancel", body=CancelRequest, answer=CustomerAppointmentView, idempotent=True)
def cancel(call: Call, booking_id: UUID, body: CancelRequest):
    def end(session, caller):
        cancellation.cancel(session, LINE, caller.id, booking_id, body.reason, body.expected_refund, call.now)
        return views.customer_view(*queries.of_customer(session, LINE.name, caller.id, booking_id))

    return idempotent(call, end)


@routes.put("/lessons/{booking_id}/status", role=TUTOR, body=StatusChange, answer=ProviderAppointmentView)
def change_status(call: Call, booking_id: UUID, body: StatusChange):
    begin = with_actor(call)
    row = status_changes.by_provider(begin, LINE, booking_id, body.status, body.reason, 0, call.now)
    return views.provider_view(row)


@routes.get("/earnings", role=TUTOR, query=earnings.EarningsQuery, answer=earnings.EarningsView)
def show_earnings(call: Call, query: earnings.EarningsQuery):
    with call.reading() as (session, caller):
        return earnings.earnings(session, caller.id, query, LINE.time_zone, call.now)


@routes.post("/tutors", role=ADMIN, body=ProviderRegistration, answer=ProviderView, status=201)
def register_tutor(call: Call, body: ProviderRegistration):
    with call.writing() as (session, caller):
        known = registration.register(session, LINE, body.email, body, call.by(caller), call.now)
        return LINE.provider_view(known.user, known.provider)


@routes.get("/tutors", role=ADMIN, query=ProviderQuery, answer=PageView[ProviderView])
def list_tutors(call: Call, query: ProviderQuery):
    with call.reading() as (session, _):
        rows, cursor = list_providers(session, LINE, query)
        return PageView(items=[LINE.provider_view(*row) for row in rows], next_cursor=cursor)


ROUTES: dict[str, dict[str, str]] = {}
for one in routes.endpoints:
    ROUTES.setdefault(one.path, {})[one.method] = __name__

tutoring = serve("tutoring", {}, {"tutoring": ROUTES}, requires=["database_url", "jwt_keys", *wiring.ENQUEUEING])
