from functools import cache

from shared.invoices.documents import Supplier
from shared.kit.settings import Settings


@cache
def supplier() -> Supplier:
    """Return who this deployment supplies as.

    Read here and not handed down: every path on which a booking is completed issues an invoice, the sweep's too.
    """
    chosen = Settings.read()
    return Supplier(chosen.supplier_name, chosen.supplier_address, chosen.supplier_gstin, chosen.supplier_state)
