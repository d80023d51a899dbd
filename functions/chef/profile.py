from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.lines.home_chef import profile
from shared.lines.home_chef.schemas import ChefProfileChange, ChefProfileView
from shared.lines.home_chef.visit import CHEF

routes = Routes("/api/v1/chef", CHEF)


@routes.get("/profile", answer=ChefProfileView)
def get_profile(call: Call) -> ChefProfileView:
    """Show the chef's own profile with the weekly availability."""
    with call.reading() as (session, caller):
        return profile.find(session, caller.id)


@routes.put("/profile", body=ChefProfileChange, answer=ChefProfileView)
def change_profile(call: Call, body: ChefProfileChange) -> ChefProfileView:
    """Change the chef's own profile: an absent field is unchanged, null clears it; only admins verify chefs."""
    with call.writing() as (session, caller):
        return profile.change(session, caller.id, body)
