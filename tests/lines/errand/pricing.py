"""Pure prices of errands and refund shares of their cancellation; amounts are paise."""

from dataclasses import asdict, dataclass

from shared.kit.money import share
from shared.payments.cancellation_policy import CancellationPolicy, Tier

BASE, PER_KM, GST_BP = 99_00, 25_00, 1_800
POLICY = CancellationPolicy((Tier(24, 10_000), Tier(2, 5_000)))


@dataclass(frozen=True)
class Breakdown:
    base: int
    distance: int
    gst: int

    @property
    def total(self) -> int:
        return self.base + self.distance + self.gst

    def to_row(self) -> dict[str, int]:
        return asdict(self)


def price(distance_km: int) -> Breakdown:
    distance = PER_KM * distance_km
    return Breakdown(BASE, distance, share(BASE + distance, GST_BP))
