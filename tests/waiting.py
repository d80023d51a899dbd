"""Waiting for other processes and threads."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return once the condition is true; raises TimeoutError after the given seconds."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.01)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Start a program and kill it at the end of the block: if the test fails, `Popen` alone would wait forever."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()
