"""Block a user: their sessions end, their paid bookings remain (docs/product.md#deactivation-and-blocking)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.admin.schemas import RemainingBookingView, UserChangedView
from shared.bookings.models import Booking
from shared.kit.errors import Refusal
from shared.sign_in import sessions
from shared.users.models import ADMIN, CUSTOMER, User
from shared.users.queries import locked
from shared.users.schemas import UserChange, UserView


class NotYourself(Refusal):
    code, title = "not_yourself", "Not your own account"

    def __init__(self) -> None:
        super().__init__("Another admin has to do this for you.")


class IsProvider(Refusal):
    code, title = "is_provider", "This user is a provider"


def change(session: Session, user_id: UUID, wish: UserChange, by: AuditContext, now: datetime) -> User:
    """Block a customer or an admin, or unblock them; blocking ends their sessions.

    The caller then cancels a blocked customer's unpaid bookings (`expiry.cancel_unpaid_of`). Raises UserNotFound,
    NotYourself, and IsProvider for a provider, whose visits must first be reassigned.
    """
    if user_id == by.id:
        raise NotYourself
    user = locked(session, user_id)
    if user.role not in {CUSTOMER, ADMIN}:
        raise IsProvider(f"This is a {user.role}: use /admin/{user.role}s/{user.id}.", role=user.role)
    before = {"is_active": user.is_active}
    user.is_active = wish.is_active
    if not wish.is_active:
        sessions.end_all(session, user_id, "blocked", now)
    verb = "unblocked" if wish.is_active else "blocked"
    audit.record(
        session, by, f"user.{verb}", user_id, before, {"is_active": wish.is_active, "reason": wish.reason}, now
    )
    return user


def changed_view(user: User, cancelled: int, remaining: Sequence[Booking]) -> UserChangedView:
    shown = [RemainingBookingView.model_validate(booking) for booking in remaining]
    return UserChangedView(**UserView.model_validate(user).model_dump(), cancelled=cancelled, remaining=shown)
