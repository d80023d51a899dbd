"""What a process holds once it has answered its first read, beside the peers, and whether requests make it hold more."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

from tests.bench.cold import Ask
from tests.bench.figures import Count, Figure, Goal
from tests.bench.servers import ROOT, Served, Subject, ours, peer, running
from tests.bench.stage import Stage

PART, UNIT = "Memory", "MiB"
LISTS, CLIENTS = 1_000, 8
HALF = Goal(
    "≤", 50
)  # of its instance: a burst of large answers, and the files an instance keeps in memory, need the rest
SAME = Goal("≤", 1.05)  # what holds more after each thousand is a leak
PEERS = {"A": "bare", "B": "guarded"}


@dataclass(frozen=True)
class Held:
    """What one process holds, in MiB: `own` its part of memory that no file backs, `files` the pages of files it maps.

    Of what a fork shares with its parent (a worker, the code its master has loaded) each holds its part.
    """

    own: float
    files: float
    resident: float

    @classmethod
    def of(cls, pid: int) -> "Held":
        folder = Path(f"/proc/{pid}")
        return cls.read((folder / "smaps_rollup").read_text(), (folder / "status").read_text())

    @classmethod
    def read(cls, rollup: str, status: str) -> "Held":
        """Read the two files the kernel writes of a process."""
        known = _kilobytes(rollup) | _kilobytes(status)
        own = known["Pss_Anon"] + known["Pss_Shmem"]
        return cls(own / 1024, known["RssFile"] / 1024, known["VmRSS"] / 1024)


def _kilobytes(text: str) -> dict[str, int]:
    words = (line.split() for line in text.splitlines())
    return {line[0].rstrip(":"): int(line[1]) for line in words if line[-1:] == ["kB"] and line[1].isdigit()}


def counted(processes: list[Held]) -> float:
    """Return what an instance is charged for its processes: what each holds, and the files they map, once."""
    return sum(held.own for held in processes) + max(held.files for held in processes)


def of_group(group: int) -> list[Held]:
    """Return what each process of a group holds, the one that leads it first."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getpgid(int(folder.name)) == group:
                members.append(int(folder.name))
    return [Held.of(pid) for pid in sorted(members, key=lambda pid: (pid != group, pid))]


@dataclass
class Seen:
    """What a subject held, a value a repetition: after its first read, after a thousand lists and after another."""

    first: list[list[Held]] = field(default_factory=list)
    later: list[tuple[float, float]] = field(default_factory=list)

    @property
    def totals(self) -> list[float]:
        return [counted(processes) for processes in self.first]


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    reads = stage.reads()
    subjects = {name: (peer(module), reads["customer"]) for name, module in PEERS.items()}
    subjects |= {function: (ours(function), ask) for function, ask in reads.items()}
    seen = {name: Seen() for name in subjects}
    for _ in range(1 if quick else 3):
        for name, (subject, ask) in subjects.items():
            _look(seen[name], subject, ask, stage, folder / f"{name}.log", lists=name in ("A", "B", "customer"))
    for function in reads:
        yield Figure(PART, f"{function}, first read", UNIT, seen[function].totals, "A", seen["A"].totals)
    yield from _beside_peers(seen)
    yield from _of_instances({function: max(seen[function].totals) for function in reads})


def _look(seen: Seen, subject: Subject, ask: Ask, stage: Stage, log: Path, *, lists: bool) -> None:
    with running(subject, log, **stage.environ | {"THREADS": str(CLIENTS)}) as served:
        requests.request(
            ask.method, served.url + ask.path, headers=ask.headers, data=ask.body, timeout=10
        ).raise_for_status()
        seen.first.append(of_group(served.group))
        if lists:
            seen.later.append((_after_lists(served, ask), _after_lists(served, ask)))


def _after_lists(served: Served, ask: Ask) -> float:
    line = json.dumps({"method": ask.method, "path": ask.path, "headers": ask.headers})
    command = [sys.executable, "-m", "tests.bench.load", str(urlsplit(served.url).port), str(CLIENTS), "60"]
    done = subprocess.run(command, input=f"{line}\n" * LISTS, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["statuses"] == {"200": LISTS}, done.stdout[-500:]
    return counted(of_group(served.group))


def _beside_peers(seen: dict[str, Seen]) -> Iterator[Figure | Count]:
    customer, processes = seen["customer"], seen["customer"].first[0]
    yield Figure(PART, "customer, first read", UNIT, customer.totals, "B", seen["B"].totals)
    once, again = ([pair[nth] for pair in customer.later] for nth in (0, 1))
    for name in PEERS:
        theirs = [pair[0] for pair in seen[name].later]
        yield Figure(PART, f"customer, after {LISTS:,} lists", UNIT, once, name, theirs)
    yield Figure(PART, f"customer, after {2 * LISTS:,} lists", UNIT, again, f"after {LISTS:,}", once, SAME)
    yield Count(PART, "customer: gunicorn's master, its part", UNIT, round(processes[0].own))
    yield Count(PART, "customer: gunicorn's worker, its part", UNIT, round(sum(held.own for held in processes[1:])))
    yield Count(PART, "customer: files both map", UNIT, round(max(held.files for held in processes)))
    yield Count(PART, "customer: RSS of both added up", UNIT, round(sum(held.resident for held in processes)))


def _of_instances(totals: dict[str, float]) -> Iterator[Count]:
    functions: dict[str, Any] = yaml.safe_load((ROOT / "terraform/functions.yaml").read_text())["functions"]
    for function, total in totals.items():
        memory = functions[function]["size"]["memory"]
        percent = round(100 * total / int(memory.removesuffix("Mi")))
        yield Count(PART, f"{function}, of its instance's {memory}", "%", percent, HALF)
