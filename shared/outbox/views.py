from shared.outbox.models import OutboxMessage
from shared.outbox.schemas import TaskView


def task_view(message: OutboxMessage) -> TaskView:
    """Return the view of a message, with only the ids of its payload."""
    return TaskView(
        id=message.id,
        kind=message.kind,
        state="waiting" if message.dead_at is None else "dead",
        about={name: value for name, value in message.payload.items() if name.endswith("_id")},
        created_at=message.created_at,
        due_at=message.due_at,
        sends=message.generation,
        failures=message.failures,
        last_error=message.last_error,
        dead_at=message.dead_at,
    )
