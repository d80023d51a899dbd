"""Memory of a process after its first read, beside the peers', and its growth with further requests."""

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

from tests.bench.figures import Count, Figure, Goal
from tests.bench.servers import DEPLOYED, ROOT, Served, Subject, ours, peer, running
from tests.bench.stage import HttpRequest, Stage

PART, UNIT = "Memory", "MiB"
CLIENTS = 8
# A share of the instance's memory: large responses and files in memory need the rest.
HALF = Goal("≤", 50)
DOUBLED = Goal("≤", 1.5)  # gunicorn's master keeps a copy of every page that its worker has written to since the fork
SAME = Goal("≤", 1.05)  # memory that grows with each thousand requests is a leak
PEERS = {"A": "bare", "B": "guarded"}
SOME = ("customer", "tasks")  # where there is little time


@dataclass(frozen=True)
class Held:
    """Memory of one process in MiB: `own` is its share of anonymous memory, `files` the file pages it maps.

    Pages shared by a parent and its forks (gunicorn's master and worker) are divided between them.
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
        """Read a process's memory from its two files in `/proc`."""
        known = _kilobytes(rollup) | _kilobytes(status)
        own = known["Pss_Anon"] + known["Pss_Shmem"]
        return cls(own / 1024, known["RssFile"] / 1024, known["VmRSS"] / 1024)


def _kilobytes(text: str) -> dict[str, int]:
    words = (line.split() for line in text.splitlines())
    return {line[0].rstrip(":"): int(line[1]) for line in words if line[-1:] == ["kB"] and line[1].isdigit()}


def counted(processes: list[Held]) -> float:
    """Return the MiB an instance is charged: the memory of each process, and the mapped files once."""
    return sum(held.own for held in processes) + max(held.files for held in processes)


def of_group(group: int) -> list[Held]:
    """Return the memory of each process of a group, its leader first."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getpgid(int(folder.name)) == group:
                members.append(int(folder.name))
    return [Held.of(pid) for pid in sorted(members, key=lambda pid: (pid != group, pid))]


@dataclass
class Seen:
    """A subject's memory, one value per repetition: after its first read, and after each of two rounds of lists."""

    first: list[list[Held]] = field(default_factory=list)
    once: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)

    @property
    def totals(self) -> list[float]:
        return [counted(processes) for processes in self.first]


def measure(stage: Stage, folder: Path, *, quick: bool) -> Iterator[Figure | Count]:
    repetitions, lists = (1, 200) if quick else (2, 1_000)
    reads = {name: read for name, read in stage.reads().items() if not quick or name in SOME}
    subjects = {name: (peer(module), reads["customer"]) for name, module in PEERS.items()}
    subjects |= {function: (ours(function), read) for function, read in reads.items()}
    seen = {name: Seen() for name in subjects}
    for _ in range(repetitions):
        for name, (subject, read) in subjects.items():
            repeats = lists if name in ("A", "B", "customer") else 0
            _look(seen[name], subject, read(), stage, folder / f"{name}.log", repeats)
    yield from _first_reads(seen, list(reads))
    yield from _later_reads(seen, lists)
    yield from _of_instances({function: max(seen[function].totals) for function in reads})


def _look(seen: Seen, subject: Subject, read: HttpRequest, stage: Stage, log: Path, lists: int) -> None:
    with running(subject, log, **stage.environ | DEPLOYED) as served:
        url = served.url + read.path
        requests.request(read.method, url, headers=read.headers, data=read.body, timeout=10).raise_for_status()
        seen.first.append(of_group(served.group))
        if lists:
            seen.once.append(_after(lists, served, read))
            seen.again.append(_after(lists, served, read))


def _after(lists: int, served: Served, read: HttpRequest) -> float:
    line = json.dumps({"method": read.method, "path": read.path, "headers": read.headers})
    command = [sys.executable, "-m", "tests.bench.load", str(urlsplit(served.url).port), str(CLIENTS), "60"]
    done = subprocess.run(command, input=f"{line}\n" * lists, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["statuses"] == {"200": lists}, done.stdout[-500:]
    return counted(of_group(served.group))


def _first_reads(seen: dict[str, Seen], functions: list[str]) -> Iterator[Figure | Count]:
    for function in functions:
        yield Figure(PART, f"{function}, first read", UNIT, seen[function].totals, "A", seen["A"].totals, DOUBLED)
    customer = seen["customer"]
    yield Figure(PART, "customer, first read", UNIT, customer.totals, "B", seen["B"].totals, DOUBLED)
    workers, alone = (
        [processes[-1].resident for processes in customer.first],
        [one[0].resident for one in seen["A"].first],
    )
    yield Figure(PART, "customer, its worker alone, RSS", UNIT, workers, "A", alone, Goal("≤", 1.1))
    master, worker = customer.first[0]
    yield Count(PART, "customer: gunicorn's master, its part", UNIT, round(master.own))
    yield Count(PART, "customer: gunicorn's worker, its part", UNIT, round(worker.own))
    yield Count(PART, "customer: files that both map", UNIT, round(max(master.files, worker.files)))


def _later_reads(seen: dict[str, Seen], lists: int) -> Iterator[Figure]:
    customer = seen["customer"]
    for name in PEERS:
        yield Figure(PART, f"customer, after {lists:,} lists", UNIT, customer.once, name, seen[name].once, DOUBLED)
    twice = f"customer, after {2 * lists:,} lists"
    yield Figure(PART, twice, UNIT, customer.again, f"after {lists:,}", customer.once, SAME)


def _of_instances(totals: dict[str, float]) -> Iterator[Count]:
    functions: dict[str, Any] = yaml.safe_load((ROOT / "terraform/functions.yaml").read_text())["functions"]
    for function, total in totals.items():
        memory = functions[function]["size"]["memory"]
        percent = round(100 * total / int(memory.removesuffix("Mi")))
        yield Count(PART, f"{function}, of its instance's {memory}", "%", percent, HALF)
