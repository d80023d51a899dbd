"""The refund of a cancellation, by the hours before the start: pure. Source: docs/product.md#cancellation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.kit.money import share
from shared.payments.gateway import SMALLEST


@dataclass(frozen=True)
class Tier:
    """The share of the total (basis points) that is refunded until `from_hours` before the start, inclusive."""

    from_hours: int
    refund_bp: int


@dataclass(frozen=True)
class CancellationPolicy:
    """The tiers a booking was made under, the earliest first; after the last one nothing is refunded.

    `operator_compensation_bp` mirrors a fee that the operator may decide on (consumer-protection rules).
    """

    tiers: tuple[Tier, ...]
    operator_compensation_bp: int = 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "CancellationPolicy":
        """Read a stored policy."""
        return cls(tuple(Tier(**tier) for tier in row["tiers"]), row.get("operator_compensation_bp", 0))

    def to_row(self) -> dict[str, Any]:
        tiers = [dict(vars(tier)) for tier in self.tiers]
        return {"tiers": tiers, "operator_compensation_bp": self.operator_compensation_bp}


def best_tier(
    starts_at: datetime, policy: CancellationPolicy, most_bp: int, now: datetime
) -> tuple[int, datetime | None]:
    """Return the share that cancelling now refunds, at most `most_bp`, and its end of validity (None: no end)."""
    found: tuple[int, datetime | None] = (0, None)
    for tier in reversed(policy.tiers):
        share_bp, until = min(tier.refund_bp, most_bp), starts_at - timedelta(hours=tier.from_hours)
        if now <= until and share_bp > found[0]:
            found = share_bp, until
    return found


def refundable(total: int, refunded: int, basis_points: int) -> int:
    """Return a share (basis points) of a total less the earlier refunds, in paise.

    A gateway refunds at least ₹1 and must leave nothing or ₹1: a smaller refund becomes 0, a smaller rest is refunded too.
    """
    left = total - refunded
    amount = min(max(share(total, basis_points) - refunded, 0), left)
    if amount < SMALLEST:
        return 0
    return left if left - amount < SMALLEST else amount
