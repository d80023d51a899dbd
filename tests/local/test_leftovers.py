"""A later test run removes the leftovers of a killed one."""

import os
import subprocess
import sys
from pathlib import Path

from tests.leftovers import remove_leftovers


def test_a_run_removes_what_killed_runs_left(tmp_path: Path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    owners = {"killed": ended.pid, "running": os.getpid()}
    for name, pid in owners.items():
        (tmp_path / f"tests-{pid}-abc/postgres").mkdir(parents=True)
        (tmp_path / f"pytest-of-me/pytest-{name}").mkdir(parents=True)
        (tmp_path / f"pytest-of-me/pytest-{name}/.lock").write_text(str(pid))
    (tmp_path / "pytest-of-me/pytest-finished").mkdir()
    remove_leftovers(tmp_path)
    left = {path.name for path in [*tmp_path.glob("tests-*"), *tmp_path.glob("pytest-of-me/*")]}
    assert left == {f"tests-{os.getpid()}-abc", "pytest-running", "pytest-finished"}
