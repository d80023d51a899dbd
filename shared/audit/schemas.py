from datetime import datetime
from typing import Any
from uuid import UUID

from shared.kit.paging import PageQuery
from shared.kit.schemas import Id, Text, View


class AuditQuery(PageQuery):
    actor_id: Id | None = None
    subject: Text(1, 50) | None = None  # type: ignore[valid-type]
    subject_id: Id | None = None
    action: Text(1, 100) | None = None  # type: ignore[valid-type]


class AuditView(View):
    """One change by an admin; `before` and `after` are the changed fields (null before a creation, after a deletion)."""

    id: UUID
    at: datetime
    actor_id: UUID
    action: str
    subject: str
    subject_id: UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str
    request_id: str
