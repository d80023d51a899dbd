"""Money is int paise; rounding is half-up to the paisa (docs/product.md#price)."""

from collections.abc import Mapping
from decimal import Decimal

BASIS_POINTS = 10_000


def half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half-up; raises ValueError unless numerator >= 0 and denominator > 0."""
    if numerator < 0 or denominator <= 0:
        raise ValueError("half_up takes amounts that are not negative")
    return (2 * numerator + denominator) // (2 * denominator)


def share(paise: int, basis_points: int) -> int:
    """Return a share of an amount in paise, half-up; the share is in basis points (hundredths of a percent)."""
    return half_up(paise * basis_points, BASIS_POINTS)


def apportion(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split an amount in proportion to the weights so that the parts sum to it (largest remainder, ties by order).

    Raises ValueError for a negative amount and for weights that do not sum to more than zero.
    """
    whole = sum(weights.values())
    if total < 0 or whole <= 0:
        raise ValueError("an amount is split over weights that sum to more than zero")
    parts = {name: total * weight // whole for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: -(total * weights[name] % whole))
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def rupees(paise: int) -> Decimal:
    """Convert paise to rupees, exact, with two places."""
    return Decimal(paise).scaleb(-2)


def paise(amount: Decimal) -> int:
    """Convert rupees to paise; raises ValueError for more than two places."""
    scaled = amount.scaleb(2)
    if scaled != scaled.to_integral_value():
        raise ValueError("an amount has at most two places")
    return int(scaled)


def format_rupees(amount: int) -> str:
    """Format paise in Indian digit grouping: 236156 is ₹2,361.56, ten million rupees are ₹1,00,00,000.00."""
    whole, part = divmod(abs(amount), 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{'-' if amount < 0 else ''}₹{','.join([*groups, tail])}.{part:02d}"
