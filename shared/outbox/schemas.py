from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.kit.paging import PageQuery
from shared.kit.schemas import View


class TasksQuery(PageQuery):
    state: Literal["dead", "waiting"] = "dead"


class TaskView(View):
    """An outbox message that is not done; `about` has the ids in its payload.

    `sends` counts the repeated sends, `failures` the errors of its handler; `last_error` is the kind of the last error.
    A dead message is not sent again, unless an admin retries it.
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
