"""Reads terraform/functions.yaml, for the bundles and the local system."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

LIST = Path("terraform/functions.yaml")
EVERY_LINE = ("all",)


@dataclass(frozen=True)
class Function:
    """One deployed function, the paths the load balancer sends to it, and the lines of business whose code it ships."""

    name: str
    paths: tuple[str, ...]
    ingress: str
    lines: tuple[str, ...]


def functions(path: Path = LIST, lines: Sequence[str] = EVERY_LINE) -> list[Function]:
    """Return the functions of an environment with these lines (`all`: every line)."""
    listed = yaml.safe_load(path.read_text())["functions"]
    return [
        Function(name, tuple(entry["paths"]), entry["ingress"], _lines(entry["lines"], lines))
        for name, entry in listed.items()
        if "only_with" not in entry or _common(entry["only_with"], lines)
    ]


def default_lines(path: Path = LIST) -> tuple[str, ...]:
    """Return the default lines, for an environment that names none."""
    return tuple(yaml.safe_load(path.read_text())["default_lines"])


def target(path: str, listed: list[Function]) -> str | None:
    """Return the function that serves a path: exact paths first, then the longest prefix; None if there is none."""
    matches = [(pattern, one.name) for one in listed for pattern in one.paths if _matches(path, pattern)]
    return max(matches, key=lambda match: (not match[0].endswith("*"), len(match[0])))[1] if matches else None


def _lines(entry: str | Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(lines) if entry == "all" else _common(entry, lines)


def _common(named: Sequence[str], lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(named) if "all" in lines else tuple(name for name in named if name in lines)


def _matches(path: str, pattern: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern
