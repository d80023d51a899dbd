"""The admin's views of the report."""

from shared.payments.reconciliation.comparison import actions
from shared.payments.reconciliation.models import ReconciliationRow
from shared.payments.reconciliation.queries import Day
from shared.payments.reconciliation.schemas import ReconciliationDayView, RowView


def row_view(row: ReconciliationRow) -> RowView:
    own = {name: getattr(row, name) for name in RowView.model_fields if hasattr(row, name)}
    state = row.ours["state"] if row.ours else None
    allowed = actions(row.outcome, state, closed=row.closed_at is not None)
    return RowView.model_validate({**own, "actions": allowed})


def day_view(day: Day) -> ReconciliationDayView:
    own = {"day": day.day, "completed_at": day.completed_at, "open": day.open}
    return ReconciliationDayView.model_validate({**own, "complete": day.completed_at is not None, **day.outcomes})
