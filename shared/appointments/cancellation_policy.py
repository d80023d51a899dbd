"""The refund of a customer's cancellation of an appointment: pure. Source: docs/product.md#cancellation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.kit.money import BASIS_POINTS
from shared.payments.cancellation_policy import CancellationPolicy, best_tier, refundable


@dataclass(frozen=True)
class CancellationFacts:
    """The facts that decide a customer's cancellation; amounts are paise, `refunded` includes refunds under way.

    `cap_bp` is the most that is refunded of a rescheduled appointment (basis points of the total); None: never rescheduled.
    """

    total: int
    refunded: int
    is_paid: bool
    is_accepted: bool
    starts_at: datetime
    provider_changed_at: datetime | None
    cap_bp: int | None = None


@dataclass(frozen=True)
class CancellationOffer:
    """The refund of a cancellation now, in paise, and its end of validity (None: until a provider accepts)."""

    refund: int
    valid_until: datetime | None


def cancellation_offer(
    facts: CancellationFacts, policy: CancellationPolicy, grace: timedelta, now: datetime
) -> CancellationOffer:
    """Return the refund of cancelling now: everything until a provider has accepted, then by the hours before the start.

    `grace` is how long a cancellation is free after the provider has changed.
    """
    if not facts.is_paid:
        return CancellationOffer(0, None)
    basis_points, until = refund_share(facts, policy, grace, now)
    return CancellationOffer(refundable(facts.total, facts.refunded, basis_points), until)


def refund_share(
    facts: CancellationFacts, policy: CancellationPolicy, grace: timedelta, now: datetime
) -> tuple[int, datetime | None]:
    """Return the share of the total that cancelling now refunds, in basis points, and its end of validity.

    A rescheduled appointment refunds the smaller of the shares then and now (docs/product.md#reschedule).
    """
    most = BASIS_POINTS if facts.cap_bp is None else facts.cap_bp
    if not (facts.is_paid and facts.is_accepted):
        return most, None
    changed = facts.provider_changed_at
    if changed is not None and now < changed + grace:
        return most, changed + grace
    return best_tier(facts.starts_at, policy, most, now)
