"""Environments of what is measured, each with just what a requirements file names."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var/bench"


def environment(requirements: Path) -> Path:
    """Return the Python of an environment that holds what a requirements file says, made where there is none yet."""
    folder = FOLDER / "environments" / sha256(requirements.read_bytes()).hexdigest()[:16]
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        sys.stderr.write(f"installing {requirements.name} once …\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(install, check=True, capture_output=True)
        (folder / "complete").touch()
    return python
