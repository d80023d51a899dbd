"""The times that govern an appointment between booking and completion. Source: docs/product.md#offers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.kit.stored import JsonScalar
from shared.payments.cancellation_policy import CancellationPolicy


@dataclass(frozen=True)
class AppointmentPolicy:
    """Each side's time limits for an appointment; hours of the day are local.

    A provider must answer the offer once the booking is confirmed, or with `offered_at_booking` at booking.
    """

    offered_at_booking: bool = False
    most_offers: int | None = None  # to different providers, before an appointment counts as having none

    short_notice: timedelta = timedelta(hours=6)  # an appointment that starts sooner has a short offer
    short_offer: timedelta = timedelta(minutes=15)
    long_offer: timedelta = timedelta(hours=2)  # counted from day_begins to day_ends
    day_begins: int = 8
    day_ends: int = 22

    time_to_pay_once_confirmed: timedelta = timedelta(hours=24)
    paid_before_start: timedelta = timedelta(hours=2)
    least_time_to_pay: timedelta = timedelta(minutes=30)

    free_after_provider_change: timedelta = timedelta(hours=24)
    give_up_before_start: timedelta = timedelta(hours=4)  # when no provider is left
    give_up_at_short_notice: timedelta = timedelta(hours=1)
    not_started_after: timedelta = timedelta(hours=2)
    completed_after_end: timedelta = timedelta(hours=12)
    reminders: tuple[timedelta, timedelta] = (timedelta(hours=24), timedelta(hours=2))


@dataclass(frozen=True)
class BookingTerms:
    """The terms an appointment is booked under, from a dated row; `rates` are the line's own."""

    valid_from: datetime
    gap: timedelta  # for travel, after the appointment
    lead: timedelta  # the earliest start from now
    horizon: timedelta  # the latest start from now
    rates: Mapping[str, JsonScalar]
    cancellation: CancellationPolicy

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "BookingTerms":
        """Read the row that a line's `terms_sql` selects, as JSON."""
        return cls(
            valid_from=datetime.fromisoformat(row["valid_from"]),
            gap=timedelta(minutes=row["gap_minutes"]),
            lead=timedelta(minutes=row["lead_minutes"]),
            horizon=timedelta(days=row["horizon_days"]),
            rates=row["rates"],
            cancellation=CancellationPolicy.from_row(row["cancellation"]),
        )


def fixed_terms(policy: CancellationPolicy, *, gap_minutes: int, lead_minutes: int, horizon_days: int) -> str:
    """Return the `terms_sql` of a line that keeps no dated rows."""
    return f"""
      select timestamptz '2025-01-01 00\\:00\\:00+00' as valid_from, {gap_minutes} as gap_minutes,
        {lead_minutes} as lead_minutes, {horizon_days} as horizon_days, jsonb '{{}}' as rates,
        jsonb '{json.dumps(policy.to_row())}' as cancellation
    """
