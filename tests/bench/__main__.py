"""`python -m tests.bench [--quick] [PART …]`: measures side by side, prints each line as it is known, keeps page and plots.

A quick run, or one of some parts only, is kept in var/bench and not in docs/benchmarks.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from tests.bench import report
from tests.bench.environments import FOLDER, ROOT
from tests.bench.report import Measured
from tests.bench.stage import set_up
from tests.google_servers import GoogleServers
from tests.phonepe_server import PhonePeServer

PARTS = ("cold", "trips", "throughput", "growth", "contention", "memory")


def measured(parts: list[str], *, quick: bool) -> Iterator[Measured]:
    """Measure part after part, each with servers of its own and a stage of its own."""
    for part in parts:
        measure: Callable[..., Iterator[Measured]] = import_module(f"tests.bench.{part}").measure
        with (
            tempfile.TemporaryDirectory() as folder,
            PhonePeServer() as phonepe,
            GoogleServers(Path(folder)) as google,
        ):
            yield from measure(set_up(google, phonepe), Path(folder), quick=quick)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="everything in a minute, with fewer repetitions")
    args = parser.parse_args()
    found: list[Measured] = []
    for one in measured(args.parts, quick=args.quick):
        if not found or found[-1].part != one.part:
            sys.stdout.write(f"\n{one.part}\n")
        sys.stdout.write(f"  {report.line(one)}\n")
        sys.stdout.flush()
        found.append(one)
    is_whole = args.parts == list(PARTS) and not args.quick
    report.keep(found, ROOT / "docs/benchmarks" if is_whole else FOLDER)


if __name__ == "__main__":
    main()
