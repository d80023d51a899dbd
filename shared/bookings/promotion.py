"""Make a customer, or a new email address, a provider or an admin (docs/product.md#people)."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.bookings import queries
from shared.kit.errors import Refusal
from shared.kit.ids import new_id
from shared.sign_in import sessions
from shared.users.models import CUSTOMER, User


class HasRole(Refusal):
    code, title = "has_role", "This person has a role already"


class HasBookings(Refusal):
    code, title = "has_bookings", "This person has bookings"


class Blocked(Refusal):
    code, title = "user_blocked", "This person is blocked"

    def __init__(self) -> None:
        super().__init__("This person is blocked. Unblock them first.")


def promote(session: Session, email: str, role: str, now: datetime) -> tuple[User, str | None]:
    """Give a role to the owner of an email address; returns the locked user and their former role (None: new user).

    A change of role ends the user's sessions. Raises HasRole for a user who is no customer, Blocked, and HasBookings
    with the references of a customer's active bookings.
    """
    user, is_new = _of_address(session, email, role, now)
    if is_new:
        return user, None
    _refuse(session, user)
    was, user.role = user.role, role
    sessions.end_all(session, user.id, "promoted", now)
    session.flush()
    return user, was


def _of_address(session: Session, email: str, role: str, now: datetime) -> tuple[User, bool]:
    """Return the owner of an address, locked, and whether they are new; concurrent calls create one user."""
    own = {"id": new_id(), "email": email, "role": role, "created_at": now, "updated_at": now}
    known = insert(User).values(**own).on_conflict_do_update(index_elements=[User.email], set_={"updated_at": now})
    user = session.scalars(known.returning(User), execution_options={"populate_existing": True}).one()
    return user, user.id == own["id"]


def _refuse(session: Session, user: User) -> None:
    if user.role != CUSTOMER:
        raise HasRole(f"The address is a {user.role}'s already.", role=user.role)
    if not user.is_active:
        raise Blocked
    refs = [booking.ref for booking in queries.active_of(session, user.id)]
    if refs:
        raise HasBookings("This customer has bookings that are not over yet.", bookings=refs)
