"""Invoice numbering: one series per prefix and financial year, without gaps (docs/product.md#invoices)."""

from datetime import datetime
from enum import StrEnum

from shared.kit.clock import local

ZONE = "Asia/Kolkata"  # the financial year is India's, April to March


class Kind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


def series(prefix: str, now: datetime) -> str:
    """Return the series of a document issued at an instant, for example SZ/26-27 for the prefix SZ."""
    at = local(now, ZONE)
    first = at.year if at.month >= 4 else at.year - 1
    return f"{prefix}/{first % 100:02d}-{(first + 1) % 100:02d}"
