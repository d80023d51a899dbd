"""Waiting for what another process or thread does."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    """Return as soon as it is true; fail when it is not in time."""
    ends = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > ends:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.01)


@contextmanager
def started(command: list[str], **how: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Start a program that a test ends; when the test fails before, it is killed: `Popen` alone would wait forever."""
    with subprocess.Popen(command, **how) as process:
        try:
            yield process
        finally:
            process.kill()
