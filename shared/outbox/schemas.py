from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.kit.paging import PageQuery
from shared.kit.schemas import View


class TasksQuery(PageQuery):
    state: Literal["dead", "waiting"] = "dead"


class TaskView(View):
    """A message of the outbox that is not done; `about` names what it is for, by ids alone.

    `sends` counts how often it was sent again, `failures` how often its handler met an error, `last_error` is the kind of
    the last one. A dead one is not sent any more, unless an admin does.
    """

    id: UUID
    kind: str
    state: Literal["dead", "waiting"]
    about: dict[str, UUID]
    created_at: datetime
    due_at: datetime
    sends: int
    failures: int
    last_error: str | None
    dead_at: datetime | None
