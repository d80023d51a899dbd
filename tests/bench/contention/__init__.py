"""Contention benchmarks: one slot, one chef, one backlog."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.contention import runners, slots
from tests.bench.figures import Count, Figure
from tests.bench.stage import Stage


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    """Measure a crowd booking one slot, eight clients booking one chef, and one, two and four runners sharing a backlog."""
    yield from slots.measure(stage, folder, quick=quick)
    yield from runners.measure(folder, quick=quick)
