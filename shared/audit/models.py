from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id


class AuditEntry(Base):
    """One change by an admin, written in the transaction of the change.

    `action` is `subject.verb`; `before` and `after` are the changed fields (null before a creation, after a deletion);
    `address` is the client's IP address.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_at_id", "at", "id"),
        Index("ix_audit_log_subject_id_at_id", "subject_id", "at", "id"),
        Index("ix_audit_log_subject_at_id", "subject", "at", "id"),
        Index("ix_audit_log_action_at_id", "action", "at", "id"),
        Index("ix_audit_log_actor_id_at_id", "actor_id", "at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime]
    # No foreign key: `shared.users` is above this package, and an entry outlives its actor.
    actor_id: Mapped[UUID]
    action: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[UUID]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    address: Mapped[str]
    request_id: Mapped[str]
