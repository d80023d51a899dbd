from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base, Created
from shared.kit.ids import new_id
from shared.users.models import User


class SignInSession(Created, Base):
    """A session: one sign-in on one device, with a family of refresh tokens that replace each other.

    Only the number of the current generation is stored. A token is HMAC(key, family, generation), so no usable token
    is stored, and a lost response can be recomputed.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_over", text("least(ended_at, expires_at)")),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id), index=True)
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    rotated_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
