"""The facts of an appointment that its mails show, as notifications store them."""

from dataclasses import dataclass

from shared.kit.stored import Stored


@dataclass(frozen=True, kw_only=True)
class AppointmentFacts(Stored):
    """The facts of an appointment that a mail may show; a line's own facts derive from this class.

    Amounts are paise, days and instants ISO texts, `time` is HH:MM; both are local to the zone. The fields after
    `accepted` are set only by the kinds that need them: deadlines, the time before a reschedule, the refund, the
    reason of a cancellation, the invoice's number.
    """

    booking_id: str
    ref: str
    total: int
    earning: int
    day: str
    time: str
    zone: str
    starts_at: str
    city: str
    provider: str | None = None
    provider_id: str | None = None
    accepted: bool = False
    pay_by: str | None = None
    answer_by: str | None = None
    from_day: str = ""
    from_time: str = ""
    amount: int = 0
    why: str = ""
    invoice: str | None = None
