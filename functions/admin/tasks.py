from uuid import UUID

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.audit import queries as audit
from shared.kit.paging import PageView
from shared.outbox import admin
from shared.outbox.admin import NotDead, TaskNotFound
from shared.outbox.schemas import TasksQuery, TaskView
from shared.outbox.views import task_view
from shared.users.models import ADMIN

routes = Routes("/api/v1/admin", ADMIN)


@routes.get("/tasks", query=TasksQuery, answer=PageView[TaskView])
def list_tasks(call: Call, query: TasksQuery) -> PageView[TaskView]:
    """List unfinished tasks, the newest first; without `state`, the dead ones, which are no longer retried."""
    with call.reading() as (session, _):
        rows, cursor = admin.list_tasks(session, query)
        return PageView(items=[task_view(row) for row in rows], next_cursor=cursor)


@routes.post("/tasks/{task_id}/retry", answer=TaskView, refuses=(TaskNotFound, NotDead))
def retry_task(call: Call, task_id: UUID) -> TaskView:
    """Retry a dead task, after the cause of its failure is fixed."""
    with call.writing() as (session, caller):
        message = admin.retry(session, task_id, call.now)
        audit.record(
            session, call.by(caller), "task.retried", task_id, {"state": "dead"}, {"state": "waiting"}, call.now
        )
        return task_view(message)
