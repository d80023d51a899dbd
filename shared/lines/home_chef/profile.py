"""A chef's own profile."""

from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.providers import queries
from shared.lines.home_chef.schemas import ChefProfileChange, ChefProfileView
from shared.lines.home_chef.views import profile_view
from shared.users.queries import change as change_person

PERSONAL = {"name", "phone"}
CALENDAR = {"is_available", "service_city"}  # a change of these affects the search for chefs


def find(session: Session, chef_id: UUID) -> ChefProfileView:
    return profile_view(*queries.profile(session, chef_id))


def change(session: Session, chef_id: UUID, body: ChefProfileChange) -> ChefProfileView:
    """Set the fields that were sent; a new rate applies to bookings and quotes made from now on."""
    given = body.model_dump(exclude_unset=True)
    if given.keys() & CALENDAR:
        queries.lock_calendar(session, chef_id)
    user = change_person(session, chef_id, {name: given[name] for name in PERSONAL & given.keys()})
    _, provider, slots = queries.profile(session, chef_id)
    for name in given.keys() - PERSONAL:
        setattr(provider, name, given[name])
    return profile_view(user, provider, slots)
