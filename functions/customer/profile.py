from functions.web.call import Call
from functions.web.endpoint import Routes
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
    """Change the customer's own profile: an absent field is unchanged, null clears it."""
    with call.writing() as (session, caller):
        given = body.given(call.now.date())
        return ProfileView.model_validate(queries.change(session, caller.id, given))
