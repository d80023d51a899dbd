"""How invoices are numbered: one series for each kind and financial year, without gaps (PRODUCT, "Money")."""

from datetime import datetime
from enum import StrEnum

from shared.kit.clock import local

ZONE = "Asia/Kolkata"  # the financial year is India's, April to March


class Kind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


PREFIXES = {Kind.INVOICE: "SZ", Kind.CREDIT_NOTE: "SC"}


def series(kind: Kind, now: datetime) -> str:
    """Return the series a document issued at this instant belongs to, as SZ/26-27."""
    at = local(now, ZONE)
    first = at.year if at.month >= 4 else at.year - 1
    return f"{PREFIXES[kind]}/{first % 100:02d}-{(first + 1) % 100:02d}"
