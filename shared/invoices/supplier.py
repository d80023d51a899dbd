from functools import cache

from shared.invoices.documents import Supplier
from shared.kit.settings import Settings


@cache
def supplier(brand: str) -> Supplier:
    """Return who supplies in this deployment, under the registered name where one is set, else under a line's brand.

    The settings are read here: every path that completes a booking issues an invoice, scheduled jobs too.
    """
    chosen = Settings.read()
    return Supplier(
        chosen.supplier_name or brand, chosen.supplier_address, chosen.supplier_gstin, chosen.supplier_state
    )
