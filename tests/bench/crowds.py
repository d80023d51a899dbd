"""Asking a server with a crowd: `load.py` in a process of its own, and what it heard."""

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from tests.bench.cold import HttpRequest
from tests.bench.servers import ROOT
from tests.bench.town import Request


@dataclass(frozen=True)
class LoadResult:
    """What a crowd was answered: requests a second, and the latencies in seconds."""

    rate: float
    latencies: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[98]


def written(request: HttpRequest) -> Request:
    """Return a request as a crowd reads it."""
    body = (request.body or b"").decode()
    return {"method": request.method, "path": request.path, "headers": request.headers, "body": body}


def crowd(url: str, requests: list[Request], clients: int, seconds: float, *, again: bool = False) -> LoadResult:
    """Ask for so long, or until all is asked; raises where something is not answered with success."""
    command = [sys.executable, "-m", "tests.bench.load", url.rpartition(":")[2], str(clients), str(seconds)]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        [*command, *(["--again"] if again else [])], input=lines, capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the crowd broke off: {done.stderr[-1000:]}")
    result = json.loads(done.stdout)
    if any(not status.startswith("2") for status in result["statuses"]):
        raise RuntimeError(f"not all of it was answered with success: {result['statuses']}")
    return LoadResult(len(result["latencies"]) / result["lasted"], result["latencies"])
