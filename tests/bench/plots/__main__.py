"""`python plots RESULTS FOLDER`: one drawing for each part of the results, a ratio a line, in SVG.

Runs in an environment of its own and imports nothing of ours. The same results make the same bytes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

REACHED, MISSED, FREE = "#1a7f4b", "#c0392b", "#555555"
mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9})


def drawn(part: str, figures: list[dict[str, Any]], to: Path) -> None:
    """Draw each figure as a line from its least to its greatest ratio, with its median and its goal."""
    drawing = Figure(figsize=(8, 0.9 + 0.28 * len(figures)), layout="constrained")
    axes = drawing.subplots()
    for row, figure in enumerate(figures):
        color = {True: REACHED, False: MISSED, None: FREE}[figure["met"]]
        axes.hlines(row, min(figure["ratios"]), max(figure["ratios"]), color=color, linewidth=2)
        axes.plot(figure["ratio"], row, "o", color=color, markersize=5)
        if figure["bound"] is not None:
            axes.plot(figure["bound"], row, "|", color="black", markersize=11)
    axes.axvline(1, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(figures)), [f"{figure['what']} / {figure['against']}" for figure in figures])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xticks(ticks := _ticks(figures), [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title(f"{part}: ratio (median, least to greatest; the bar is the goal)", fontsize=10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    drawing.savefig(to, metadata={"Date": None, "Creator": None})


def _ticks(figures: list[dict[str, Any]]) -> list[float]:
    seen = [ratio for figure in figures for ratio in (*figure["ratios"], figure["bound"] or 1, 1)]
    steps = [0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1, 1.3, 1.5, 2, 3, 4, 5, 7, 10, 20, 50, 100]
    return [step for step in steps if min(seen) * 0.8 <= step <= max(seen) * 1.25]


def main(results: Path, folder: Path) -> None:
    parts: dict[str, list[dict[str, Any]]] = {}
    for figure in json.loads(results.read_text()):
        parts.setdefault(figure["part"], []).append(figure)
    for part, figures in parts.items():
        drawn(part, figures, folder / f"{part.lower().replace(' ', '-')}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
