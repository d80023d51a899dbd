"""Posting rules of the ledger (docs/product.md#ledger): pure functions from amounts to postings that sum to zero.

Amounts are paise. In a posting a debit is positive and a credit negative.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from shared.kit.money import apportion


class AccountCode(StrEnum):
    """The accounts: assets and expenses grow by debits, liabilities and income by credits."""

    GATEWAY_CLEARING = "gateway_clearing"
    CASH = "cash"
    BANK = "bank"
    PROVIDER_HELD = "provider_held"
    CUSTOMER_ADVANCE = "customer_advance"
    REFUNDS_PAYABLE = "refunds_payable"
    PROVIDER_PAYABLE = "provider_payable"
    GST_PAYABLE = "gst_payable"
    PLATFORM_REVENUE = "platform_revenue"
    GATEWAY_FEES = "gateway_fees"


class Kind(StrEnum):
    CAPTURED = "captured"
    CASH_TAKEN = "cash_taken"
    OWED_BACK = "owed_back"  # a late or duplicate capture: payable to the customer at once
    COMPLETED = "completed"
    REFUND_DECIDED = "refund_decided"
    REVERSED = "earnings_reversed"  # a refund out of earnings, after the booking has ended
    REFUND_DONE = "refund_done"
    KEPT = "kept_on_cancellation"
    GATEWAY_FEE = "gateway_fee"


class Bearer(StrEnum):
    """The side whose earnings pay for a refund."""

    PLATFORM = "platform"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Posting:
    account: AccountCode
    amount: int
    provider_id: UUID | None = None


@dataclass(frozen=True)
class Parts:
    """The split of an earned booking total into the provider's, the platform's and the tax part, in paise."""

    provider: int
    platform: int
    gst: int

    @property
    def total(self) -> int:
        return self.provider + self.platform + self.gst


def _transfer(debit: AccountCode, credit: AccountCode, amount: int) -> list[Posting]:
    return [Posting(debit, amount), Posting(credit, -amount)]


def captured(amount: int) -> list[Posting]:
    return _transfer(AccountCode.GATEWAY_CLEARING, AccountCode.CUSTOMER_ADVANCE, amount)


def cash_taken(amount: int) -> list[Posting]:
    return _transfer(AccountCode.CASH, AccountCode.CUSTOMER_ADVANCE, amount)


def owed_back(amount: int) -> list[Posting]:
    return _transfer(AccountCode.GATEWAY_CLEARING, AccountCode.REFUNDS_PAYABLE, amount)


def refund_decided(amount: int) -> list[Posting]:
    return _transfer(AccountCode.CUSTOMER_ADVANCE, AccountCode.REFUNDS_PAYABLE, amount)


def refund_done(amount: int) -> list[Posting]:
    return _transfer(AccountCode.REFUNDS_PAYABLE, AccountCode.GATEWAY_CLEARING, amount)


def cash_refund_done(amount: int) -> list[Posting]:
    return _transfer(AccountCode.REFUNDS_PAYABLE, AccountCode.CASH, amount)


def gateway_fee(amount: int) -> list[Posting]:
    return _transfer(AccountCode.GATEWAY_FEES, AccountCode.GATEWAY_CLEARING, amount)


def completed(parts: Parts, provider_id: UUID | None) -> list[Posting]:
    """Return the postings of a completion: the advance becomes earnings; without a provider, the platform gets its part."""
    if provider_id is None:
        parts = Parts(provider=0, platform=parts.platform + parts.provider, gst=parts.gst)
    return [Posting(AccountCode.CUSTOMER_ADVANCE, parts.total), *_earned(parts, provider_id)]


def kept_on_cancellation(amount: int, parts: Parts, provider_id: UUID | None) -> list[Posting]:
    """Return the postings of a cancellation fee, split pro rata by largest remainder.

    Without a provider, the platform gets the provider's part.
    """
    split = apportion(amount, {"provider": parts.provider, "platform": parts.platform, "gst": parts.gst})
    if provider_id is None:
        split = {"provider": 0, "platform": split["platform"] + split["provider"], "gst": split["gst"]}
    return [Posting(AccountCode.CUSTOMER_ADVANCE, amount), *_earned(Parts(**split), provider_id)]


def after_refund(parts: Parts, amount: int, bearer: Bearer) -> Parts:
    """Return what remains of each part after a refund; raises ValueError for more than their total.

    Tax is refunded pro rata, as in the credit note. The platform bears the rest, even beyond its earnings, or provider
    and platform bear it pro rata (largest remainder). If nothing of the platform's part is left, the provider alone
    bears it. Refunds of the whole total, in any number of steps, leave no tax.
    """
    if not 0 <= amount <= parts.total:
        raise ValueError(f"{amount} paise cannot go back of {parts.total}")
    if amount == 0:
        return parts
    platform = max(parts.platform, 0)
    back = apportion(amount, {"provider": parts.total - parts.gst - platform, "platform": platform, "gst": parts.gst})
    if bearer is Bearer.PLATFORM:
        back = {"provider": 0, "platform": back["platform"] + back["provider"], "gst": back["gst"]}
    return Parts(
        provider=parts.provider - back["provider"],
        platform=parts.platform - back["platform"],
        gst=parts.gst - back["gst"],
    )


def reversed_earnings(amount: int, earned: Parts, bearer: Bearer, provider_id: UUID | None) -> list[Posting]:
    """Return the postings of a refund out of earnings: the reverse of the earned parts, payable to the customer."""
    left = after_refund(earned, amount, bearer)
    lost = Parts(earned.provider - left.provider, earned.platform - left.platform, earned.gst - left.gst)
    lines = [Posting(line.account, -line.amount, line.provider_id) for line in _earned(lost, provider_id)]
    return [*lines, Posting(AccountCode.REFUNDS_PAYABLE, -amount)]


def _earned(parts: Parts, provider_id: UUID | None) -> list[Posting]:
    lines = [
        Posting(AccountCode.PROVIDER_PAYABLE, -parts.provider, provider_id),
        Posting(AccountCode.PLATFORM_REVENUE, -parts.platform),
        Posting(AccountCode.GST_PAYABLE, -parts.gst),
    ]
    return [line for line in lines if line.amount]
