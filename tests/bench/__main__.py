"""`python -m tests.bench cold`: measures side by side, interleaved, and prints a table (the rest follows)."""

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.cold import Ask, first_answer
from tests.bench.servers import Subject, ours, peer
from tests.bench.stage import set_up
from tests.google_servers import GoogleServers
from tests.phonepe_server import PhonePeServer

HEALTH = Ask("GET", "/health", {})


def cold(repetitions: int) -> None:
    with tempfile.TemporaryDirectory() as name, PhonePeServer() as phonepe, GoogleServers(Path(name)) as google:
        folder = Path(name)
        stage = set_up(folder, google, phonepe)
        reads = stage.reads()
        cases: list[tuple[str, Subject, Ask]] = [("bare", peer("bare"), reads["customer"])]
        cases += [("guarded", peer("guarded"), reads["customer"])]
        cases += [(function, ours(function), ask) for function, ask in reads.items()]
        took: dict[tuple[str, str], list[float]] = {}
        for nth in range(repetitions + 1):
            for name_, subject, ask in cases:
                for what, asked in (("health", HEALTH), ("read", ask)):
                    seconds = first_answer(subject, asked, folder / f"{name_}.log", stage.environ)
                    if nth:
                        took.setdefault((name_, what), []).append(seconds)
        for what in ("health", "read"):
            base = statistics.median(took["bare", what])
            for name_, _, _ in cases:
                times = took[name_, what]
                middle = statistics.median(times)
                print(f"{what:7} {name_:9} {min(times)*1000:6.0f} {middle*1000:6.0f} {max(times)*1000:6.0f} ms  x{middle/base:.2f}")


if __name__ == "__main__":
    cold(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
