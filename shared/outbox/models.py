from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.kit.base import Base
from shared.kit.ids import new_id


class OutboxMessage(Base):
    """A task, stored in the transaction of its cause; its handler runs at least once.

    `kind` is `package.verb`; `due_at` is when the handler should run; `next_try_at` is when the sweep sends the message
    again if it is not done. `generation` counts the sends after the first and is part of the task's name.
    `counted_from` is the generation of an admin's last retry, from which the sweep counts its sends.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "next_try_at", postgresql_where=text("done_at is null and dead_at is null")),
        Index("ix_outbox_dead", "created_at", "id", postgresql_where=text("dead_at is not null")),
        Index("ix_outbox_done_at", "done_at", postgresql_where=text("done_at is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    counted_from: Mapped[int] = mapped_column(server_default=text("0"))
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
