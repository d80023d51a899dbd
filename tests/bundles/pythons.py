"""The Pythons a bundle is booted under: a clean one of each version where the machine has it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = tuple(dict.fromkeys((THIS, "3.11", "3.13")))


def installed(version: str) -> str | None:
    """Return a Python of this version: from the path, or one that pyenv keeps; None where there is none."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    candidates = [shutil.which(f"python{version}"), *map(str, kept)]
    return next((each for each in candidates if each and _runs(each)), None)


def _runs(python: str) -> bool:
    # A shim of pyenv is on the path for every version it keeps, and says no for those that are not switched on.
    return subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0


def clean(version: str, folder: Path, requirements: Path) -> Path:
    """Make an environment that holds what a requirements file says and nothing else.

    Where it cannot be made: of this Python's version, the environment there is; of another, the tests are skipped.
    """
    found = installed(version)
    if found is None:
        return _instead(version, f"no Python {version} on this machine")
    subprocess.run([found, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    install = [*pip, "install", "-r", str(requirements)]
    ran = subprocess.run(install, capture_output=True, text=True, check=False, timeout=300)
    if ran.returncode:
        return _instead(version, f"requirements.txt cannot be installed: {ran.stderr.strip().splitlines()[-1]}")
    return python


def _instead(version: str, reason: str) -> Path:
    if version != THIS:
        pytest.skip(reason)
    return Path(sys.executable)
