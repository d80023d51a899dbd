from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base, Changed
from shared.kit.ids import new_id

CUSTOMER, ADMIN = "customer", "admin"  # the core's roles; a line of business defines its provider's role

SEARCHED = {"name": "name", "email": "email", "phone": "ltrim(phone, '+')"}


class User(Changed, Base):
    """A user: sign-in identifiers, role, name and whether they are active."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(btrim(email))", name="email_normal"),
        Index("ix_users_role_created_at_id", "role", "created_at", "id"),
        Index("ix_users_created_at_id", "created_at", "id"),
        Index("ix_users_inactive", "created_at", "id", postgresql_where=text("not is_active")),
        # Admins search by part of a name, or by the beginning of an address or a number.
        Index(
            "ix_users_searched",
            *(literal_column(expression).label(name) for name, expression in SEARCHED.items()),
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(SEARCHED, "gin_trgm_ops"),
        ),
        # A phone typed in a profile is unverified: not unique and never a login.
        Index("uq_users_verified_phone", "phone", unique=True, postgresql_where=text("phone_verified_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str | None] = mapped_column(unique=True)
    phone: Mapped[str | None]
    phone_verified_at: Mapped[datetime | None]
    name: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default=CUSTOMER)
    dob: Mapped[date | None]
    avatar_url: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class UserDay(Base):
    """The users created on a past day (of India), including blocked ones, and all users created by its end."""

    __tablename__ = "user_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    made: Mapped[int]
    total: Mapped[int]
