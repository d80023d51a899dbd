"""A chef as they see themselves, and as customers see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from shared.kit.clock import local
from shared.lines.home_chef.chefs.schemas import (
    WEEKDAYS,
    ChefProfileView,
    FreeChefView,
    OpeningView,
    PublicChefView,
    RatingView,
    SlotView,
)
from shared.lines.home_chef.models import ChefProfile, WeeklySlot
from shared.lines.home_chef.visits import ZONE
from shared.users.models import User


def profile_view(user: User, profile: ChefProfile, slots: Sequence[WeeklySlot]) -> ChefProfileView:
    own = {name: getattr(profile, name) for name in ChefProfileView.model_fields if hasattr(profile, name)}
    return ChefProfileView.model_validate(
        {
            **own,
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "phone": user.phone,
            "availability": [slot_view(slot) for slot in slots],
        }
    )


def slot_view(slot: WeeklySlot) -> SlotView:
    return SlotView(id=slot.id, **_opening(slot.weekday, slot.starts, slot.ends))


def _opening(weekday: int, starts: int, ends: int) -> dict[str, Any]:
    return {"day_of_week": WEEKDAYS[weekday], "start_time": time_of_day(starts), "end_time": time_of_day(ends)}


def time_of_day(minute: int) -> str:
    """Return HH:MM of a minute of the day; the end of the day is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def public_name(name: str | None) -> str | None:
    """Return a chef's name as anybody may know it: the first name, and how the last one begins."""
    names = (name or "").split()
    return f"{names[0]} {names[-1][0]}." if len(names) > 1 else name


def free_chef_view(row: dict[str, Any], total: int) -> FreeChefView:
    return FreeChefView.model_validate(row | {"name": public_name(row["name"]), "total": total})


def public_chef_view(row: Row[Any]) -> PublicChefView:
    known = dict(row._mapping) | {  # noqa: SLF001 - SQLAlchemy's public way to a row's names
        "name": public_name(row.name),
        "availability": [OpeningView(**_opening(*slot)) for slot in row.week],
        "ratings": [_rating_view(rating) for rating in row.ratings],
    }
    return PublicChefView.model_validate(known)


def _rating_view(row: dict[str, Any]) -> RatingView:
    """Tell who rated by the first name alone, and when by the month alone."""
    month = local(datetime.fromisoformat(row["created_at"]), ZONE).strftime("%Y-%m")
    first = next(iter((row["name"] or "").split()), None)
    return RatingView(stars=row["stars"], comment=row["comment"], month=month, customer_name=first)
