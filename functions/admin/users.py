from uuid import UUID

from functions import wiring
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.bookings import blocking, expiry
from shared.bookings.admin.schemas import UserChangedView
from shared.bookings.history import Actor
from shared.bookings.queries import active_of
from shared.kit.paging import PageView
from shared.users import queries
from shared.users.models import ADMIN
from shared.users.queries import UserNotFound
from shared.users.schemas import UserChange, UserQuery, UserView

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/users", query=UserQuery, answer=PageView[UserView])
def list_users(call: Call, query: UserQuery) -> PageView[UserView]:
    """List the users, the newest first."""
    with call.reading() as (session, _):
        rows, cursor = queries.listed(session, query)
        return PageView(items=[UserView.model_validate(row) for row in rows], next_cursor=cursor)


@routes.put(
    "/users/{user_id}",
    body=UserChange,
    answer=UserChangedView,
    refuses=(UserNotFound, blocking.NotYourself, blocking.IsProvider),
)
def change_user(call: Call, user_id: UUID, body: UserChange) -> UserChangedView:
    """Block or unblock a customer or an admin.

    Blocking ends their sessions and cancels their unpaid bookings at once; paid bookings stay active and are listed.
    """
    with call.locking() as (session, caller):  # of two admins who block each other, one succeeds
        user = blocking.change(session, user_id, body, call.by(caller), call.now)
    cancelled = 0
    if not user.is_active:
        actor = Actor(ADMIN, caller.id)
        cancelled = expiry.cancel_unpaid_of(wiring.database(), wiring.line, user_id, actor, call.now)
    with wiring.database().reading() as session:
        return blocking.changed_view(user, cancelled, active_of(session, user_id))
