"""A provider as the views of a line show one."""

from typing import TypeVar

from shared.appointments.providers.models import Provider
from shared.kit.schemas import View
from shared.users.models import User

Shown = TypeVar("Shown", bound=View)


def provider_as(view: type[Shown], user: User, provider: Provider, **own: object) -> Shown:
    """Return a provider in a line's view, from the columns of its fields' names and the line's own fields."""
    known = {name: getattr(row, name) for row in (provider, user) for name in view.model_fields if hasattr(row, name)}
    return view.model_validate(known | own)
