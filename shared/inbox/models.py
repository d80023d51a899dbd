from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id

UNKNOWN = "unknown"  # the outcome of a message that names no payment or refund of ours
IS_UNSETTLED = "processed_at is null or outcome = 'unknown'"


class InboxMessage(Base):
    """A verified message, stored before it is processed; identical messages are one row.

    `named` is the id in the message, set once it is processed; `outcome` is the result of processing.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "dedupe_key"),
        Index("ix_inbox_processed_at", "processed_at", postgresql_where=text("processed_at is not null")),
        Index("ix_inbox_unsettled", "received_at", postgresql_where=text(IS_UNSETTLED)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    source: Mapped[str]
    dedupe_key: Mapped[str]
    body: Mapped[bytes]
    received_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    named: Mapped[str | None]
