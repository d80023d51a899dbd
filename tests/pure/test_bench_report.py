"""The benchmark's report: ratios of values measured together, and missed goals."""

import subprocess
import sys
from importlib import import_module

import pytest

from tests.bench.__main__ import PARTS
from tests.bench.figures import Count, Figure, Goal
from tests.bench.report import line, page

FASTER = Figure("Part", "a read", "ms", [10.0, 30.0, 40.0], "A", [20.0, 20.0, 50.0], Goal("≤", 0.85))
SLOWER = Figure("Part", "a write", "ms", [9.0], "B", [10.0], Goal("≤", 0.8))
COUNTED = Count("Other", "round trips of a read", "round trips", 2, Goal("≤", 1))


def test_a_ratio_is_taken_repetition_by_repetition():
    assert (FASTER.ratios, FASTER.ratio) == ([0.5, 1.5, 0.8], 0.8)


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        (FASTER, True),
        (SLOWER, False),
        (COUNTED, False),
        (Figure("Part", "a list", "requests/s", [12.0], "B", [10.0], Goal("≥", 1.2)), True),
        (Count("Part", "seconds of loading", "s", 99), None),
    ],
)
def test_a_goal_is_met_on_its_own_side_of_the_bound(measured, met):
    assert measured.met is met


def test_each_line_tells_the_ratio_its_range_and_whether_the_goal_is_met():
    assert "×0.80  (0.50-1.50) ≤ 0.85   met" in line(FASTER)
    assert line(SLOWER).endswith("≤ 0.8    missed")
    assert "2 round trips" in line(COUNTED)


def test_the_page_counts_what_is_met_and_hides_nothing_that_is_missed():
    text = page([FASTER, SLOWER, COUNTED])
    assert "Goals met: 1 of 3." in text
    assert text.count("**missed**") == 2
    assert text.index("## Part") < text.index("![Part](part.svg)") < text.index("## Other")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_measured(part):
    assert callable(import_module(f"tests.bench.{part}").measure)


def test_nothing_is_installed_before_something_is_measured():
    """Two test processes that import the benchmarks at once would install into one folder."""
    imports = "; ".join(f"import tests.bench.{part}" for part in PARTS)
    never = "from tests.bench import environments; environments.environment = None"
    subprocess.run([sys.executable, "-c", f"{never}; {imports}"], check=True)
