from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class By:
    """An admin at work: who, from which IP address, in which request."""

    id: UUID
    address: str
    request_id: str
