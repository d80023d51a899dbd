from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class AuditContext:
    """The admin, the IP address and the request that an audit entry names."""

    id: UUID
    address: str
    request_id: str
