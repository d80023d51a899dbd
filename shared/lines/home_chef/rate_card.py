"""The rates of a price and the tiers of a cancellation; dated rows in the database, with these values as defaults.

Source: docs/product.md#price.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import time
from typing import Any

from shared.payments.cancellation_policy import CancellationPolicy, Tier


@dataclass(frozen=True)
class RateCard:
    """Amounts are paise, shares are basis points (hundredths of a percent), the peak is local time, [from, until)."""

    included_guests: int = 4
    guest_surcharge: int = 4_900
    peak_from: time = time(18)
    peak_until: time = time(21)
    peak_bp: int = 2_000
    platform_fee_bp: int = 500
    gst_service_bp: int = 500
    gst_fee_bp: int = 500
    commission_bp: int = 0
    gap_minutes: int = 30
    lead_minutes: int = 120
    horizon_days: int = 60

    def to_row(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "RateCard":
        """Read a stored row; a rate that is missing in it has its default."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: _read(name, value) for name, value in row.items() if name in known})


def _plain(value: Any) -> Any:
    return value.isoformat("minutes") if isinstance(value, time) else value


def _read(name: str, value: Any) -> Any:
    return time.fromisoformat(value) if name in {"peak_from", "peak_until"} else value


# The share of the total that is refunded, by hours before the start: [24 h, ∞) 100 %, [4, 24) 50 %, [0, 4) 0 %.
CANCELLATION_TERMS = CancellationPolicy((Tier(24, 10_000), Tier(4, 5_000)))
