from datetime import datetime
from typing import Any
from uuid import UUID

from functions import gateways, wiring
from shared.payments.reconciliation import report


def compare(payload: dict[str, Any], now: datetime) -> None:
    """Take a new look at a row of the reconciliation report."""
    report.compare_again(wiring.database(), gateways.gateway_named, UUID(payload["row_id"]), now)
