from functools import cache

from shared.invoices.documents import Supplier
from shared.kit.settings import Settings


@cache
def supplier(brand: str) -> Supplier:
    """Return the supplier of this deployment, by its registered name, or by a line's brand if none is set.

    Reads the settings itself, because requests and scheduled jobs alike complete bookings, which issues invoices.
    """
    chosen = Settings.read()
    return Supplier(
        chosen.supplier_name or brand, chosen.supplier_address, chosen.supplier_gstin, chosen.supplier_state
    )
