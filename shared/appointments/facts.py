"""The facts of an appointment that its letters are worded from, as notifications store them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class AppointmentFacts:
    """The facts of an appointment that a letter may show; a line's own facts derive from it.

    Amounts are paise, days and instants ISO texts, `time` is HH:MM; both are local to the zone. The fields after
    `accepted` are set by the kinds that need them. They are the deadline to pay or to answer, the time before a reschedule, the money that is
    refunded, the reason of a cancellation, the invoice's number.
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

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read stored facts; a release may have stored more than this one knows."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def to_row(self) -> dict[str, Any]:
        return dict(vars(self))
