"""Register, verify, deactivate and reactivate providers as an admin. Source: docs/product.md#people.

Each change is written to the audit log in its transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.appointments.line import AppointmentLine
from shared.appointments.providers import queries, week
from shared.appointments.providers.models import Provider
from shared.appointments.providers.schemas import SlotRequest, SlotView, slot_view
from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.promotion import promote
from shared.kit.schemas import Body
from shared.sign_in import sessions
from shared.users.models import User
from shared.users.queries import change as change_person

PERSONAL = {"name", "phone"}


@dataclass(frozen=True)
class Registration:
    """A provider with their user row and week."""

    user: User
    provider: Provider
    week: Sequence[SlotView]


def register(
    session: Session, line: AppointmentLine, email: str, wanted: Body, by: AuditContext, now: datetime
) -> Registration:
    """Make the user with an email address a provider; a customer changes role and must sign in again.

    Raises HasRole for another provider or an admin, Blocked, and HasBookings for a customer with bookings.
    """
    given = wanted.model_dump(exclude={"email"})
    user, role_before = promote(session, email, line.provider_role, now)
    personal = {name: given.pop(name) for name in PERSONAL & given.keys()}
    change_person(session, user.id, {name: value for name, value in personal.items() if value is not None})
    provider = Provider(user_id=user.id, line=line.name, created_at=now, updated_at=now, **given)
    session.add(provider)
    session.flush()
    session.refresh(provider)  # reads the columns with defaults of the database
    before = {"role": role_before} if role_before else None
    after = {"role": line.provider_role, **_shown(line, user, provider)}
    audit.record(session, by, _action(line, "registered"), user.id, before, after, now)
    return Registration(user, provider, [])


def change(
    session: Session, line: AppointmentLine, provider_id: UUID, wanted: Body, by: AuditContext, now: datetime
) -> Registration:
    """Set the fields of a provider that were sent; verification records the admin, the time and the document.

    `is_active` reactivates a provider. A new rate applies to bookings and quotes made from now on. Locks the provider.
    Raises the line's refusal for an unknown provider.
    """
    given = wanted.model_dump(exclude_unset=True)
    user, provider = _locked(session, line, provider_id)
    before = _shown(line, user, provider)
    personal = given.keys() & (PERSONAL | {"is_active"})
    change_person(session, provider_id, {name: given[name] for name in personal})
    _verify(provider, given, by, now)
    for name in given.keys() - personal:
        setattr(provider, name, given[name])
    audit.record(session, by, _action(line, "changed"), provider_id, before, _shown(line, user, provider), now)
    return _with_week(session, user, provider)


def _verify(provider: Provider, given: Mapping[str, object], by: AuditContext, now: datetime) -> None:
    """Record once who verified a provider and when; clear it for one who is no longer verified."""
    verified = given.get("is_verified", provider.is_verified)
    if verified and not provider.is_verified:
        provider.verified_at, provider.verified_by = now, by.id
    if not verified:
        provider.verified_at, provider.verified_by, provider.verification_reference = None, None, None


def set_week(
    session: Session,
    line: AppointmentLine,
    provider_id: UUID,
    slots: Sequence[SlotRequest],
    by: AuditContext,
    now: datetime,
) -> Registration:
    """Set a provider's whole week; booked appointments remain. Raises Invalid naming a slot that overlaps another."""
    user, provider = _locked(session, line, provider_id)
    before = _week_facts([slot_view(slot) for slot in queries.week(session, provider_id)])
    replaced = week.replace(session, provider_id, slots, now)
    audit.record(session, by, _action(line, "week_set"), provider_id, before, _week_facts(replaced), now)
    return Registration(user, provider, replaced)


def _week_facts(slots: Sequence[SlotView]) -> dict[str, object]:
    return {"slots": [slot.model_dump(mode="json", exclude={"id"}) for slot in slots]}


def deactivate(session: Session, line: AppointmentLine, provider_id: UUID, by: AuditContext, now: datetime) -> None:
    """Deactivate a provider: sign out at once, and make no more offers; a second time changes nothing.

    `assignment.release_all` reassigns their appointments afterwards.
    """
    user, provider = _locked(session, line, provider_id)
    before = _shown(line, user, provider)
    user.is_active = False
    sessions.end_all(session, provider_id, "deactivated", now)
    audit.record(session, by, _action(line, "deactivated"), provider_id, before, _shown(line, user, provider), now)


def find(session: Session, line: AppointmentLine, provider_id: UUID) -> Registration:
    """Return one provider with their week. Raises the line's refusal for an unknown provider."""
    return _with_week(session, *queries.provider(session, line, provider_id))


def _with_week(session: Session, user: User, provider: Provider) -> Registration:
    return Registration(user, provider, [slot_view(slot) for slot in queries.week(session, user.id)])


def _locked(session: Session, line: AppointmentLine, provider_id: UUID) -> queries.Registered:
    queries.lock_calendar(session, provider_id)
    return queries.provider(session, line, provider_id)


def _action(line: AppointmentLine, verb: str) -> str:
    return f"{line.provider_role}.{verb}"


def _shown(line: AppointmentLine, user: User, provider: Provider) -> dict[str, object]:
    return line.provider_view(user, provider).model_dump(mode="json")
