from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base, Changed
from shared.kit.ids import new_id

CUSTOMER, ADMIN = "customer", "admin"  # the core's roles; a line of business brings its provider's


class User(Changed, Base):
    """One person: how they sign in, what they may do, how they are addressed."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(btrim(email))", name="email_normal"),
        Index("ix_users_role_created_at_id", "role", "created_at", "id"),
        Index("ix_users_created_at_id", "created_at", "id"),
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
