"""What happens when all want the same: one slot, one chef, one backlog."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.contention import runners, slots
from tests.bench.figures import Count, Figure
from tests.bench.stage import Stage


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    """Let a crowd want one slot, eight book one chef, and one, two and four runners share a backlog."""
    yield from slots.measure(stage, folder, quick=quick)
    yield from runners.measure(folder, quick=quick)
