"""How each fact about money is booked (docs/product.md#ledger): pure functions from amounts to postings that sum to zero.

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
    OWED_BACK = "owed_back"  # a capture that is late or a duplicate: taken, and owed back at once
    COMPLETED = "completed"
    REFUND_DECIDED = "refund_decided"
    REVERSED = "earnings_reversed"  # a refund of what each side had earned already
    REFUND_DONE = "refund_done"
    KEPT = "kept_on_cancellation"
    GATEWAY_FEE = "gateway_fee"


class Bearer(StrEnum):
    """The bearer of a refund."""

    PLATFORM = "platform"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Posting:
    account: AccountCode
    amount: int
    provider_id: UUID | None = None


@dataclass(frozen=True)
class Parts:
    """The parts of a booking's total once it is earned: the provider's, the platform's and the state's, in paise."""

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
    """Return how the advance becomes what each side earned; without a provider, its part is the platform's."""
    if provider_id is None:
        parts = Parts(provider=0, platform=parts.platform + parts.provider, gst=parts.gst)
    return [Posting(AccountCode.CUSTOMER_ADVANCE, parts.total), *_earned(parts, provider_id)]


def kept(amount: int, parts: Parts, provider_id: UUID | None) -> list[Posting]:
    """The money that a late cancellation keeps, shared pro rata by largest remainder; without a provider his part is the platform's."""
    split = apportion(amount, {"provider": parts.provider, "platform": parts.platform, "gst": parts.gst})
    if provider_id is None:
        split = {"provider": 0, "platform": split["platform"] + split["provider"], "gst": split["gst"]}
    return [Posting(AccountCode.CUSTOMER_ADVANCE, amount), *_earned(Parts(**split), provider_id)]


def after_refund(parts: Parts, amount: int, bearer: Bearer) -> Parts:
    """Return what is left of each part when that much of their total goes back; raises ValueError for more.

    Tax always goes back pro rata, as a credit note says it. The rest is the platform's to bear, be it more than it
    earned, or is borne pro rata by provider and platform (largest remainder). If nothing of the platform's part is
    left, the provider alone bears it. When all of it has gone back, in however many pieces, no tax is left.
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
    """Part of what each side has earned is owed back to the customer: the reverse of what had been booked."""
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
