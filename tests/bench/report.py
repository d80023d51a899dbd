"""The report of a run: lines on the terminal, a page, and the data of the plots."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.environments import environment
from tests.bench.figures import Count, Figure

PLOTS = Path(__file__).with_name("plots")
VERDICTS = {True: "met", False: "**missed**", None: ""}
HEAD = ("", "ours", "theirs", "unit", "ratio", "least – greatest", "goal", "")
Measured = Figure | Count


def line(one: Measured) -> str:
    """Return a measurement as a line of a terminal."""
    verdict = VERDICTS[one.met].strip("*")
    if isinstance(one, Count):
        return f"{one.what:<44} {_short(one.counted):>8} {one.unit:<12} {one.goal or ''!s:<8} {verdict}"
    ours, theirs = _short(statistics.median(one.ours)), _short(statistics.median(one.theirs))
    compared = f"{ours:>8} / {theirs:<8} {one.unit:<6} ×{one.ratio:<5.2f} ({min(one.ratios):.2f}-{max(one.ratios):.2f})"
    return f"{one.what + ' / ' + one.against:<44} {compared} {one.goal or ''!s:<8} {verdict}"


def page(measured: Sequence[Measured]) -> str:
    """Return the page of a run: a table and a drawing for each part."""
    parts = dict.fromkeys(one.part for one in measured)
    goals = [one.met for one in measured if one.met is not None]
    top = f"# Measured\n\nBy `make bench`, on {_machine()}. Goals met: {sum(goals)} of {len(goals)}.\n"
    return top + "".join(_part(part, [one for one in measured if one.part == part]) for part in parts)


def _part(part: str, measured: Sequence[Measured]) -> str:
    rows = [_row(one) for one in measured]
    drawing = f"\n![{part}]({_file(part)})\n" if any(isinstance(one, Figure) for one in measured) else ""
    return f"\n## {part}\n{drawing}\n" + "\n".join(_markdown([HEAD, ("---",) * len(HEAD), *rows])) + "\n"


def _row(one: Measured) -> tuple[str, ...]:
    goal = str(one.goal or "")
    if isinstance(one, Count):
        return one.what, _short(one.counted), "", one.unit, "", "", goal, VERDICTS[one.met]
    between = f"{min(one.ratios):.2f} – {max(one.ratios):.2f}"
    theirs = f"{_short(statistics.median(one.theirs))} ({one.against})"
    return (
        one.what,
        _short(statistics.median(one.ours)),
        theirs,
        one.unit,
        f"{one.ratio:.2f}",
        between,
        goal,
        VERDICTS[one.met],
    )


def _markdown(rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in rows]


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _file(part: str) -> str:
    return f"{part.lower().replace(' ', '-')}.svg"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def keep(measured: Sequence[Measured], folder: Path) -> None:
    """Write the page and the drawings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text(page(measured))
    results = folder / "results.json"
    results.write_text(json.dumps([_drawable(one) for one in measured if isinstance(one, Figure)], indent=1) + "\n")
    python = environment(PLOTS / "requirements.txt")
    subprocess.run([python, PLOTS, results, folder], check=True)


def _drawable(figure: Figure) -> dict[str, object]:
    return {
        "part": figure.part,
        "what": figure.what,
        "against": figure.against,
        "ratios": [round(ratio, 4) for ratio in figure.ratios],
        "ratio": round(figure.ratio, 4),
        "bound": figure.goal and figure.goal.bound,
        "met": figure.met,
    }
