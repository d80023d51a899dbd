from datetime import datetime
from typing import Any
from uuid import UUID

from functions import gateways, wiring
from shared.payments.reconciliation import report


def compare(payload: dict[str, Any], now: datetime) -> None:
    """Compare a row of the reconciliation report with the gateway again."""
    report.compare_again(wiring.database(), gateways.gateway_named, UUID(payload["row_id"]), now)
