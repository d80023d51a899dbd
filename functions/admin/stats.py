from collections import Counter
from datetime import date

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.appointments.providers import queries as providers
from shared.bookings.admin import queries as bookings
from shared.bookings.admin.queries import Tally
from shared.bookings.lifecycle import Status
from shared.kit.clock import INDIA
from shared.kit.date_range import DateRange, DateRangeQuery
from shared.kit.errors import Invalid
from shared.kit.schemas import Rupees, View
from shared.ledger import queries as ledger
from shared.ledger.queries import Turnover
from shared.users import queries as users
from shared.users.models import ADMIN
from shared.users.queries import Headcount

routes = Routes("/api/v1/admin", ADMIN)


class RoleView(View):
    """Users with a role: in total, active (may sign in), and new in the period."""

    role: str
    total: int
    active: int
    new: int


class UsersView(View):
    total: int
    active: int
    new: int
    by_role: list[RoleView]


class ChefsView(View):
    """Current providers of all lines: in total, and those with each flag."""

    total: int
    verified: int
    available: int
    active: int


class StatesView(View):
    """Bookings by their current status, and in total."""

    total: int
    pending: int
    confirmed: int
    in_progress: int
    completed: int
    cancelled: int


class BookingsView(View):
    """`created`: bookings made in the period; `all`: all bookings."""

    created: StatesView
    all: StatesView


class RevenueView(View):
    """From the ledger: captured from and refunded to customers, and what each side earned, net of corrections."""

    captured: Rupees
    refunded: Rupees
    platform_revenue: Rupees
    gst: Rupees
    provider_earnings: Rupees


class StatsDayView(View):
    """One local day: bookings made, money captured and refunded, and the platform's revenue."""

    day: date
    bookings: int
    captured: Rupees
    refunded: Rupees
    revenue: Rupees


class StatsView(View):
    users: UsersView
    chefs: ChefsView
    bookings: BookingsView
    revenue: RevenueView
    today: StatsDayView
    by_day: list[StatsDayView]


@routes.get("/stats", query=DateRangeQuery, answer=StatsView, refuses=(Invalid,))
def get_stats(call: Call, query: DateRangeQuery) -> StatsView:
    """Show statistics of users, bookings and revenue: for a period of local days (default: today), and for today."""
    period, today = query.date_range(call.now, INDIA), DateRange.today(call.now, INDIA)
    with call.reading() as (session, _):
        tally, money = bookings.tally(session, period, today), ledger.turnover(session, period, today)
        days = [_day(day, tally, money[day]) for day in money if period.contains(day)]
        return StatsView(
            users=_users(users.headcounts(session, period)),
            chefs=ChefsView.model_validate(providers.counts(session)),
            bookings=BookingsView(created=_states(tally.made), all=_states(tally.now)),
            revenue=_revenue(money, period),
            today=_day(today.first, tally, money[today.first]),
            by_day=days,
        )


def _users(roles: list[Headcount]) -> UsersView:
    sums = {name: sum(getattr(one, name) for one in roles) for name in ("total", "active", "new")}
    return UsersView(**sums, by_role=[RoleView.model_validate(one) for one in roles])


def _states(counted: Counter[Status]) -> StatesView:
    return StatesView(total=counted.total(), **{status.value: counted[status] for status in Status})


def _revenue(money: dict[date, Turnover], period: DateRange) -> RevenueView:
    return RevenueView.model_validate(sum((money[day] for day in money if period.contains(day)), Turnover()))


def _day(day: date, tally: Tally, money: Turnover) -> StatsDayView:
    return StatsDayView(
        day=day,
        bookings=tally.by_day[day],
        captured=money.captured,
        refunded=money.refunded,
        revenue=money.platform_revenue,
    )
