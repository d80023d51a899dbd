"""Growth benchmarks: the same requests and jobs on a million bookings and on ten thousand.

What grows is the history: as many bookings a day with as many chefs, going back from today, on ever more days, by ever
more customers.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from functions.wiring import invariants
from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer
from infra.postgres.engine import PostgresDatabase
from shared.invariants.run import breaches
from shared.kit.settings import Keys
from tests.bench.figures import Count, Figure, Goal
from tests.bench.growth import jobs, server
from tests.bench.growth.asks import ASKS
from tests.bench.growth.grown import Extent, Grown, grown, lived
from tests.bench.stage import Stage
from tests.phonepe_server import PhonePeServer

PART, NO_MORE, LOADED = "Growth", Goal("≤", 1.3), Goal("≤", 90)
FULL, QUICK = Extent(10_000, 1_000_000, 20, 7, 15), Extent(10_000, 20_000, 20, 1, 3)
Seconds = Callable[[Grown, int], float]


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    """Measure each request and each job on both, one after the other, repetition by repetition."""
    extent = QUICK if quick else FULL
    with ExitStack() as stack:
        postgres = stack.enter_context(server.postgres(folder))
        phonepe = stack.enter_context(PhonePeServer(refund_seconds=0))
        gateway = PhonePe(phonepe.url, phonepe.merchant_id, Signer(Keys(phonepe.salts)), "http://127.0.0.1:9/callback")
        lives = lived(postgres, gateway, phonepe)
        small, large = (
            stack.enter_context(grown(folder, stage.environ, postgres, lives, number, extent))
            for number in (extent.small, extent.large)
        )
        yield Count(PART, f"Loading {extent.large:,} bookings", "s", large.seconds, None if quick else LOADED)
        for what, seconds in _measured(gateway).items():
            yield _figure(f"{what}, of {extent.large:,} bookings", extent, small, large, seconds)
        if not quick:
            yield Count(PART, f"Every invariant at {extent.large:,} bookings", "s", _invariants(large.db))


def _measured(gateway: PhonePe) -> dict[str, Seconds]:
    """Return the measurements by name: each takes a database and a repeat count and returns the median seconds."""
    asked: dict[str, Seconds] = {
        what: lambda of, times, ask=ask: of.served.seconds(ask, times)  # type: ignore[misc]
        for what, ask in ASKS.items()
    }
    run: dict[str, Seconds] = {
        what: lambda of, times, job=job: jobs.seconds(of.db, job, times)  # type: ignore[misc]
        for what, job in jobs.jobs(gateway).items()
    }
    return asked | run


def _figure(what: str, extent: Extent, small: Grown, large: Grown, seconds: Seconds) -> Figure:
    for warming in (small, large):
        seconds(warming, 3)
    took = [(seconds(large, extent.times), seconds(small, extent.times)) for _ in range(extent.repetitions)]
    ours, theirs = ([one * 1000 for one in column] for column in zip(*took, strict=True))
    return Figure(PART, what, "ms", ours, f"{extent.small:,} bookings", theirs, NO_MORE)


def _invariants(db: PostgresDatabase) -> float:
    began = time.perf_counter()
    for name, found in invariants().items():
        with db.reading() as session:
            broken = breaches(session, {name: found}, datetime.now(UTC))
        assert broken == [], "what was loaded is not what the functions leave"
    return time.perf_counter() - began
