from functions.web import Call, Routes
from shared.users import queries
from shared.users.models import CUSTOMER
from shared.users.schemas import ProfileChange, ProfileView

routes = Routes("/api/v1/customer", CUSTOMER)


@routes.get("/profile", answer=ProfileView)
def get_profile(call: Call) -> ProfileView:
    """Show the customer's own profile."""
    with call.reading() as (session, caller):
        return ProfileView.model_validate(queries.person(session, caller.id))


@routes.put("/profile", body=ProfileChange, answer=ProfileView)
def change_profile(call: Call, body: ProfileChange) -> ProfileView:
    """Change the customer's own profile: an absent field stays, null clears it."""
    with call.writing() as (session, caller):
        given = body.model_dump(exclude_unset=True) | _as_text(body)
        return ProfileView.model_validate(queries.change(session, caller.id, given))


def _as_text(body: ProfileChange) -> dict[str, str]:
    return {"avatar_url": str(body.avatar_url)} if body.avatar_url else {}
