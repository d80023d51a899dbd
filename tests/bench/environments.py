"""Virtual environments for the measured servers, each with just the packages a requirements file names."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var/bench"


def environment(requirements: Path) -> Path:
    """Return the Python of an environment with a requirements file's packages; create it if missing."""
    folder = FOLDER / "environments" / sha256(requirements.read_bytes()).hexdigest()[:16]
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        sys.stderr.write(f"installing {requirements.name} once …\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(install, check=True, capture_output=True)
        (folder / "complete").touch()
    return python
