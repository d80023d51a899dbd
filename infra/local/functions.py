"""terraform/functions.yaml, as Terraform and the local system both read it."""

from dataclasses import dataclass
from pathlib import Path

import yaml

LIST = Path("terraform/functions.yaml")


@dataclass(frozen=True)
class Function:
    """One deployed function and the paths the load balancer sends to it."""

    name: str
    paths: tuple[str, ...]
    ingress: str
    lines: tuple[str, ...]


def functions(path: Path = LIST) -> list[Function]:
    listed = yaml.safe_load(path.read_text())["functions"]
    return [
        Function(name, tuple(entry["paths"]), entry["ingress"], tuple(entry["lines"])) for name, entry in listed.items()
    ]


def target(path: str, listed: list[Function]) -> str | None:
    """Return the function a path belongs to: an exact path before a prefix, the longest prefix first; None for nobody's."""
    matches = [(pattern, one.name) for one in listed for pattern in one.paths if _matches(path, pattern)]
    return max(matches, key=lambda match: (not match[0].endswith("*"), len(match[0])))[1] if matches else None


def _matches(path: str, pattern: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern
