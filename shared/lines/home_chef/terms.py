"""What a cancellation gives back: pure, from the terms a booking was made under (PRODUCT, "A booking", Cancellation)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.kit.money import BASIS_POINTS, share
from shared.payments.gateway import SMALLEST

CHANGED_CHEF_GRACE = timedelta(hours=24)


@dataclass(frozen=True)
class Standing:
    """What decides about a customer's cancellation; amounts are paise, `refunded` counts what is on its way too.

    `cap_bp` is the most that goes back of a visit that was moved (basis points of the total); None: it never was.
    """

    total: int
    refunded: int
    is_paid: bool
    is_accepted: bool
    starts_at: datetime
    chef_changed_at: datetime | None
    cap_bp: int | None = None


@dataclass(frozen=True)
class Offered:
    """What would be refunded now, in paise, and until when that stands (None: until a chef accepts)."""

    refund: int
    valid_until: datetime | None


def offered(standing: Standing, terms: dict[str, Any], now: datetime) -> Offered:
    """Return what cancelling now gives back: all of it until a chef has accepted, then by the hours before the start."""
    if not standing.is_paid:
        return Offered(0, None)
    basis_points, until = percentage(standing, terms, now)
    return Offered(refundable(standing, basis_points), until)


def percentage(standing: Standing, terms: dict[str, Any], now: datetime) -> tuple[int, datetime | None]:
    """Return the share of the total that cancelling now gives back, in basis points, and until when that stands.

    A visit that was moved gives no more than it did then: the worse of then and now (PRODUCT, "A booking", Reschedule).
    """
    most = BASIS_POINTS if standing.cap_bp is None else standing.cap_bp
    if not (standing.is_paid and standing.is_accepted):
        return most, None
    changed = standing.chef_changed_at
    if changed is not None and now < changed + CHANGED_CHEF_GRACE:
        return most, changed + CHANGED_CHEF_GRACE
    return _tier(standing.starts_at, terms, most, now)


def refundable(standing: Standing, basis_points: int) -> int:
    """Return that share of the total less what went back before, never so that a gateway could not send it."""
    left = standing.total - standing.refunded
    amount = min(max(share(standing.total, basis_points) - standing.refunded, 0), left)
    if amount < SMALLEST:
        return 0
    return left if left - amount < SMALLEST else amount


def _tier(starts_at: datetime, terms: dict[str, Any], most: int, now: datetime) -> tuple[int, datetime | None]:
    # A tier holds from so many hours before the start, that instant included; after the last one nothing goes back.
    found: tuple[int, datetime | None] = (0, None)
    for tier in reversed(terms["tiers"]):
        share_bp, until = min(tier["refund_bp"], most), starts_at - timedelta(hours=tier["from_hours"])
        if now <= until and share_bp > found[0]:
            found = share_bp, until
    return found
