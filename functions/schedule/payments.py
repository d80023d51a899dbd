"""The payments and refunds to poll at the gateways."""

from dataclasses import asdict
from datetime import datetime

from functions import gateways, wiring
from shared.payments import status_polling
from shared.payments.reconciliation import report as reconciliation


def reconcile(now: datetime) -> dict[str, int]:
    """Ask the gateway about every payment and refund that has not ended and whose task did not come."""
    done = status_polling.reconcile(wiring.database(), gateways.gateway_named, wiring.line, now)
    status_polling.record_round(wiring.database(), done, now)
    return asdict(done)


def report(now: datetime) -> dict[str, int]:
    """Hold the days up to yesterday against what the gateways say, and keep how each payment and refund came out."""
    return reconciliation.report(wiring.database(), gateways.gateway_named, now)
