from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id
from shared.users.models import User


class Notification(Base):
    """One notification of one user; `dedupe_key` identifies the event, so that a repetition changes nothing."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("uq_notifications_fact", "user_id", "dedupe_key", unique=True),
        Index("ix_notifications_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_notifications_unread", "user_id", "created_at", "id", postgresql_where=text("read_at is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey(User.id))
    line: Mapped[str]
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    dedupe_key: Mapped[str]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    mailed_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
