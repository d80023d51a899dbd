"""What a chef says about themselves, and what it costs to have them."""

from uuid import UUID

from sqlalchemy.orm import Session

from shared.lines.home_chef.chefs import calendar, queries
from shared.lines.home_chef.chefs.schemas import ChefProfileChange, ChefProfileView
from shared.lines.home_chef.chefs.views import profile_view
from shared.users.queries import change as change_person

PERSONAL = {"name", "phone"}
DECIDES_ABOUT_VISITS = {"is_available", "service_city"}


def shown(session: Session, chef_id: UUID) -> ChefProfileView:
    return profile_view(*queries.profile(session, chef_id))


def change(session: Session, chef_id: UUID, body: ChefProfileChange) -> ChefProfileView:
    """Set the given fields; a new rate counts for bookings and quotes made from now on."""
    given = body.model_dump(exclude_unset=True)
    if given.keys() & DECIDES_ABOUT_VISITS:
        calendar.touch(session, chef_id)
    user = change_person(session, chef_id, {name: given[name] for name in PERSONAL & given.keys()})
    _, profile, slots = queries.profile(session, chef_id)
    for name in given.keys() - PERSONAL:
        setattr(profile, name, given[name])
    return profile_view(user, profile, slots)
