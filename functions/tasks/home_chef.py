from datetime import datetime
from typing import Any
from uuid import UUID

from functions import wiring
from shared.lines.home_chef import deadlines


def lapse(payload: dict[str, Any], now: datetime) -> None:
    """End an offer at its time: the next chef is asked."""
    deadlines.lapse(wiring.database(), UUID(payload["booking_id"]), now)
