"""The audit log: one entry per change of an admin, in the transaction of the change."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.context import AuditContext
from shared.audit.models import AuditEntry
from shared.audit.schemas import AuditQuery
from shared.kit.paging import Position, page_of
from shared.kit.paging import after as continued

Fields = dict[str, Any]


def record(
    session: Session,
    by: AuditContext,
    action: str,
    subject_id: UUID,
    before: Fields | None,
    after: Fields | None,
    now: datetime,
) -> None:
    """Write an audit entry; `action` is `subject.verb`, `before` and `after` are plain JSON.

    `before` is None for a creation, `after` for a deletion; with both, only the fields that differ are stored.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        before, after = _only(changed, before), _only(changed, after)
    session.add(
        AuditEntry(
            at=now,
            actor_id=by.id,
            action=action,
            subject=action.partition(".")[0],
            subject_id=subject_id,
            before=before,
            after=after,
            address=by.address,
            request_id=by.request_id,
        )
    )


def _only(names: set[str], fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name in names}


def entries(session: Session, query: AuditQuery) -> tuple[list[AuditEntry], str | None]:
    """Return a page of the audit log, the newest first, and the cursor of the next page."""
    wanted = query.model_dump(exclude={"limit", "cursor"}, exclude_none=True)
    rows = session.scalars(
        select(AuditEntry)
        .filter_by(**wanted)
        .where(*continued(query, AuditEntry.at, AuditEntry.id))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(query.limit + 1)
    ).all()
    return page_of(rows, query.limit, lambda row: Position(row.at, row.id))
