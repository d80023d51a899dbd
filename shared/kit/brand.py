"""The brand of a line of business, as its customers see it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Brand:
    """The name on mails, invoices and pages, and the tagline after it."""

    name: str
    tagline: str = ""
