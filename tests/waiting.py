"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable


def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as it is true; fail when it is not in time."""
    ends = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > ends:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.01)
