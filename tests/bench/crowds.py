"""Load a server with concurrent clients: runs `load.py` in its own process and returns its results."""

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
    """The result of a load run: requests per second, and latencies in seconds."""

    rate: float
    latencies: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[98]


def written(request: HttpRequest) -> Request:
    """Return a request in the JSON shape `load.py` reads."""
    body = (request.body or b"").decode()
    return {"method": request.method, "path": request.path, "headers": request.headers, "body": body}


def crowd(url: str, requests: list[Request], clients: int, seconds: float, *, again: bool = False) -> LoadResult:
    """Send requests for `seconds` or until all are sent; raise RuntimeError if a response is not 2xx."""
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
