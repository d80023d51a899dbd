"""How a line of business calls itself to its customers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Brand:
    """The name on mails, invoices and pages, and the few words behind it."""

    name: str
    tagline: str = ""
