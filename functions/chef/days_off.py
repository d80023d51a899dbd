from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.providers import days_off, queries
from shared.appointments.providers.days_off import AppointmentsBooked, DayOffNotFound, DayOffTaken
from shared.appointments.providers.schemas import DayOffRequest, DayOffView
from shared.kit.errors import Invalid
from shared.kit.paging import PageQuery, PageView
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import CHEF

routes = Routes("/api/v1/chef", CHEF)


@routes.get("/days-off", query=PageQuery, answer=PageView[DayOffView])
def list_days_off(call: Call, query: PageQuery) -> PageView[DayOffView]:
    """List the chef's days off, the latest day first."""
    with call.reading() as (session, caller):
        rows, cursor = queries.days_off_of(session, caller.id, query)
        return PageView(items=[DayOffView.model_validate(row) for row in rows], next_cursor=cursor)


@routes.post(
    "/days-off", body=DayOffRequest, answer=DayOffView, status=201, refuses=(Invalid, DayOffTaken, AppointmentsBooked)
)
def add_day_off(call: Call, body: DayOffRequest) -> DayOffView:
    """Add a day off; if visits are booked on that day, the refusal lists them."""
    with call.locking() as (session, caller):
        return DayOffView.model_validate(days_off.add(session, LINE, caller.id, body, call.now))


@routes.delete("/days-off/{day_off_id}", refuses=(DayOffNotFound,))
def remove_day_off(call: Call, day_off_id: UUID) -> None:
    """Remove a day off."""
    with call.locking() as (session, caller):
        days_off.remove(session, caller.id, day_off_id)
