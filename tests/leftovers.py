"""The next run removes what a killed one left in the temporary folder: servers' data of 2 to 5 GB."""

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "tests-"


def own_folder() -> str:
    """Return a new temporary folder whose name tells which process owns it."""
    return tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")


def remove_leftovers(temporary: Path) -> None:
    """Remove the folders of test processes that have ended without removing them."""
    for folder in [*temporary.glob(f"{PREFIX}*-*"), *temporary.glob("pytest-of-*/pytest-*")]:
        owner = _owner(folder)
        if owner and not folder.is_symlink() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> str:
    """Return the process that owns a folder; pytest writes its own into `.lock` and removes that at its end."""
    lock = folder / ".lock"
    return folder.name.split("-")[1] if folder.name.startswith(PREFIX) else lock.read_text() if lock.is_file() else ""
