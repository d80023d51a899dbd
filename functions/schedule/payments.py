"""Scheduled jobs that poll the gateways and reconcile with them."""

from dataclasses import asdict
from datetime import datetime

from functions import gateways, wiring
from shared.payments import status_polling
from shared.payments.reconciliation import report as reconciliation


def reconcile(now: datetime) -> dict[str, int]:
    """Poll the gateway about every unfinished payment and refund whose own poll task is overdue."""
    done = status_polling.reconcile(wiring.database(), gateways.gateway_named, wiring.line, now)
    status_polling.record_round(wiring.database(), done, now)
    return asdict(done)


def report(now: datetime) -> dict[str, int]:
    """Reconcile the days up to yesterday with the gateways, and store the result for each payment and refund."""
    return reconciliation.report(wiring.database(), gateways.gateway_named, now)
