"""Hourly rate limits per user, counted from the database rows, so that no other store is needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from shared.kit.errors import TooManyRequests

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class LastHour:
    """The number of rows of a kind that a user created within the last hour, and the instant of the oldest."""

    count: int
    oldest: datetime | None

    @classmethod
    def of(cls, counted: list[Any]) -> "LastHour":
        """Parse the JSON array of `count(*)` and `min(…)` that a statement returned."""
        return cls(counted[0], datetime.fromisoformat(counted[1]) if counted[1] else None)

    def refuse_beyond(self, most: int, refusal: type[TooManyRequests], now: datetime) -> None:
        """Raise the refusal if the limit is reached, with the seconds until the oldest row leaves the hour."""
        if self.oldest is not None and self.count >= most:
            wait = ceil((self.oldest + HOUR - now).total_seconds())
            raise refusal("Please wait a little before the next one.", retry_after=wait)
