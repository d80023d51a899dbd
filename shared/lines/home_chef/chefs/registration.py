"""Who works for us, as admins decide it: registered, verified, deactivated, taken back (PRODUCT, "People and sign-in").

Every change is written to the audit log with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.by import By
from shared.bookings.promotion import promote
from shared.lines.home_chef.chefs import availability, calendar
from shared.lines.home_chef.chefs.registry import queries
from shared.lines.home_chef.chefs.registry.schemas import ChefFileView, ChefRegistration, RegisteredChefView
from shared.lines.home_chef.chefs.schemas import SlotRequest, SlotView
from shared.lines.home_chef.chefs.views import slot_view
from shared.lines.home_chef.lifecycle import CHEF
from shared.lines.home_chef.models import ChefProfile, WeeklySlot
from shared.sign_in import sessions
from shared.users.models import User
from shared.users.queries import change as change_person

OF_THE_PERSON = {"name", "phone"}


def register(session: Session, wish: ChefRegistration, by: By, now: datetime) -> ChefFileView:
    """Make a chef of an address nobody has, or of a customer's, who then signs in anew.

    Raises HasRole for a chef's or an admin's, Blocked, and HasBookings while a customer has some.
    """
    given = wish.model_dump(exclude={"email"})
    user, was = promote(session, wish.email, CHEF, now)
    said = {name: given.pop(name) for name in OF_THE_PERSON}
    change_person(session, user.id, {name: value for name, value in said.items() if value is not None})
    profile = ChefProfile(user_id=user.id, created_at=now, updated_at=now, **given)
    session.add(profile)
    session.flush()
    session.refresh(profile)  # what the table fills in
    shown = file_view(user, profile, [])
    before = {"role": was} if was else None
    audit.record(session, by, "chef.registered", user.id, before, {"role": CHEF, **_facts(user, profile)}, now)
    return shown


def change(session: Session, chef_id: UUID, given: dict[str, Any], by: By, now: datetime) -> ChefFileView:
    """Set the given fields of a chef; verification keeps who, when and by which document. Raises ChefNotFound.

    `is_active` takes a deactivated chef back. A new rate counts for bookings and quotes made from now on.
    """
    user, profile = _taken(session, chef_id)
    before = _facts(user, profile)
    change_person(session, chef_id, {name: given[name] for name in given.keys() & (OF_THE_PERSON | {"is_active"})})
    _verify(profile, given, by, now)
    for name in given.keys() - OF_THE_PERSON - {"is_active"}:
        setattr(profile, name, given[name])
    audit.record(session, by, "chef.changed", chef_id, before, _facts(user, profile), now)
    return file_view(user, profile, queries.week(session, chef_id))


def _verify(profile: ChefProfile, given: dict[str, Any], by: By, now: datetime) -> None:
    """Note who verified a chef and when, once; a chef who is no longer verified keeps nothing of it."""
    verified = given.get("is_verified", profile.is_verified)
    if verified and not profile.is_verified:
        profile.verified_at, profile.verified_by = now, by.id
    if not verified:
        profile.verified_at, profile.verified_by, profile.verification_reference = None, None, None


def set_week(session: Session, chef_id: UUID, slots: Sequence[SlotRequest], by: By, now: datetime) -> ChefFileView:
    """Set the whole week of a chef; visits that are booked stand. Raises ChefNotFound, and Invalid naming an overlap."""
    user, profile = _taken(session, chef_id)
    before = _week_of([slot_view(slot) for slot in queries.week(session, chef_id)])
    week = availability.replace(session, chef_id, slots, now)
    audit.record(session, by, "chef.week_set", chef_id, before, _week_of(week), now)
    return ChefFileView(**_fields(user, profile), availability=week)


def _week_of(slots: Sequence[SlotView]) -> dict[str, Any]:
    return {"slots": [slot.model_dump(mode="json", exclude={"id"}) for slot in slots]}


def deactivate(session: Session, chef_id: UUID, by: By, now: datetime) -> None:
    """Let a chef go: signed out at once and offered nothing from now on; again, it changes nothing. Raises ChefNotFound.

    The visits they have are given to others afterwards (`reassignment.leave`).
    """
    user, profile = _taken(session, chef_id)
    before = _facts(user, profile)
    user.is_active = False
    sessions.end_all(session, chef_id, "deactivated", now)
    audit.record(session, by, "chef.deactivated", chef_id, before, _facts(user, profile), now)


def shown(session: Session, chef_id: UUID) -> ChefFileView:
    """Return one chef with the week they work in; raises ChefNotFound."""
    return file_view(*queries.chef(session, chef_id), queries.week(session, chef_id))


def _taken(session: Session, chef_id: UUID) -> queries.Registered:
    """Take a chef's row, as whoever books them does, and return them as they are now."""
    calendar.touch(session, chef_id)
    return queries.chef(session, chef_id)


def view(user: User, profile: ChefProfile) -> RegisteredChefView:
    return RegisteredChefView(**_fields(user, profile))


def file_view(user: User, profile: ChefProfile, week: Sequence[WeeklySlot]) -> ChefFileView:
    return ChefFileView(**_fields(user, profile), availability=[slot_view(slot) for slot in week])


def _facts(user: User, profile: ChefProfile) -> dict[str, Any]:
    return view(user, profile).model_dump(mode="json")


def _fields(user: User, profile: ChefProfile) -> dict[str, Any]:
    names = RegisteredChefView.model_fields
    own = {name: getattr(user, name) for name in names if hasattr(user, name)}
    return {name: getattr(profile, name) for name in names if hasattr(profile, name)} | own
