"""Temporary folders of killed test runs (2 to 5 GB of servers' data), removed by the next run."""

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "tests-"


def own_folder() -> str:
    """Return a new temporary folder whose name contains this process's id."""
    return tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")


def remove_leftovers(temporary: Path) -> None:
    """Remove the folders of test processes that no longer run."""
    for folder in [*temporary.glob(f"{PREFIX}*-*"), *temporary.glob("pytest-of-*/pytest-*")]:
        owner = _owner(folder)
        if owner and not folder.is_symlink() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> str:
    """Return the id of the process that owns a folder; pytest writes its own into `.lock` until it ends."""
    lock = folder / ".lock"
    return folder.name.split("-")[1] if folder.name.startswith(PREFIX) else lock.read_text() if lock.is_file() else ""
