"""The price of a visit: each line rounded half-up to the paisa, the total their sum. Source: docs/product.md#price."""

from dataclasses import asdict, dataclass
from datetime import time

from shared.kit.money import share
from shared.lines.home_chef.rate_card import RateCard


@dataclass(frozen=True)
class Breakdown:
    """The lines of a price, in paise; the subtotal, the tax and the total are derived."""

    base: int
    guest_surcharge: int
    peak_premium: int
    platform_fee: int
    gst_service: int
    gst_fee: int

    @property
    def subtotal(self) -> int:
        return self.base + self.guest_surcharge + self.peak_premium

    @property
    def gst(self) -> int:
        return self.gst_service + self.gst_fee

    @property
    def cgst(self) -> int:
        return self.gst // 2

    @property
    def sgst(self) -> int:
        return self.gst - self.cgst

    @property
    def total(self) -> int:
        return self.subtotal + self.platform_fee + self.gst

    def to_row(self) -> dict[str, int]:
        return asdict(self)


def quote(rate: int, hours: int, guests: int, starts: time, rates: RateCard) -> Breakdown:
    """Return the price of a visit at a rate (paise an hour) that starts at a local time of day."""
    base = rate * hours
    surcharge = max(guests - rates.included_guests, 0) * rates.guest_surcharge * hours
    at_peak = rates.peak_from <= starts < rates.peak_until
    premium = share(base + surcharge, rates.peak_bp) if at_peak else 0
    subtotal = base + surcharge + premium
    fee = share(subtotal, rates.platform_fee_bp)
    # Whole rupees make the tax on the service exact, so that its two lines sum to the tax on the sum.
    return Breakdown(
        base=base,
        guest_surcharge=surcharge,
        peak_premium=premium,
        platform_fee=fee,
        gst_service=share(subtotal, rates.gst_service_bp),
        gst_fee=share(fee, rates.gst_fee_bp),
    )


def earning(subtotal: int, rates: RateCard) -> int:
    """Return the chef's earning from a visit, in paise: the subtotal less the commission (docs/product.md#earnings)."""
    return subtotal - share(subtotal, rates.commission_bp)
