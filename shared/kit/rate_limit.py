"""How much one person starts in an hour: counted from the rows there are, so that no other store has to decide."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from shared.kit.errors import TooManyRequests

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class LastHour:
    """How many of a kind somebody has made within the last hour, and when the first of them was."""

    count: int
    oldest: datetime | None

    @classmethod
    def of(cls, counted: list[Any]) -> "LastHour":
        """Read the pair a statement made of `count(*)` and `min(…)` as a JSON array."""
        return cls(counted[0], datetime.fromisoformat(counted[1]) if counted[1] else None)

    def refuse_beyond(self, most: int, refusal: type[TooManyRequests], now: datetime) -> None:
        """Raise the refusal where one more would be too many, with the seconds until the first leaves the hour."""
        if self.oldest is not None and self.count >= most:
            wait = ceil((self.oldest + HOUR - now).total_seconds())
            raise refusal("Please wait a little before the next one.", retry_after=wait)
