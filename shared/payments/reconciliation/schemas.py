from datetime import date, datetime
from uuid import UUID

from shared.kit.paging import PageQuery
from shared.kit.schemas import Body, Flag, QueryDay, Rupees, Text, View
from shared.payments.reconciliation.comparison import About, Action, Outcome


class RowsQuery(PageQuery):
    """An admin's query for compared payments, refunds and unknown ids; `day` is local to India."""

    day: QueryDay | None = None
    outcome: Outcome | None = None
    open: Flag | None = None


class RowAction(Body):
    """The decision about a row, one of the `actions` it allows; `close` requires a note."""

    action: Action
    note: Text(1, 1000) | None = None  # type: ignore[valid-type]


class OursView(View):
    """Our side when it was compared; `booked` is what the ledger says was moved at the gateway, and its fee."""

    state: str
    amount: Rupees
    booked: Rupees
    fee: Rupees
    gateway_id: str | None
    bank_reference: str | None


class TheirsView(View):
    """The gateway's answer; `is_ours` is false if it names something other than what was queried."""

    state: str
    code: str
    amount: Rupees | None
    fee: Rupees | None
    gateway_id: str | None
    bank_reference: str | None
    is_ours: bool


class RowView(View):
    """One payment, refund or unknown id as reported by both sides, and its allowed actions.

    `our_id` is its id at the gateway; for an unknown id, `ours` is null.
    """

    id: UUID
    day: date
    gateway: str
    kind: About
    our_id: str
    booking_id: UUID | None
    outcome: Outcome
    ours: OursView | None
    theirs: TheirsView
    actions: list[Action]
    created_at: datetime
    compared_at: datetime
    closed_at: datetime | None
    closed_by: UUID | None
    note: str | None


class ReconciliationDayView(View):
    """A day of the report: whether all of it was compared, and its count of rows by outcome."""

    day: date
    complete: bool
    completed_at: datetime | None
    open: int
    matched: int
    ours_only: int
    theirs_only: int
    amount_differs: int
    state_differs: int
    fee_differs: int
