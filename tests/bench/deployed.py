"""Each function as it is deployed: its bundle unpacked, its own requirements installed, everything compiled."""

import compileall
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from infra.release import bundles
from tests.bench.servers import ROOT, Subject

FOLDER = ROOT / "var/bench"


def deployed(functions: list[str]) -> dict[str, Subject]:
    """Return the functions, each served from a folder and an environment of its own; what is there already is used again."""
    bundles.build(ROOT, FOLDER / "archives")
    return {name: _unpacked(name) for name in functions}


def environment(requirements: Path) -> Path:
    """Return the Python of an environment that holds what a requirements file says, made where there is none yet."""
    folder = FOLDER / "environments" / sha256(requirements.read_bytes()).hexdigest()[:16]
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True, capture_output=True)
        (folder / "complete").touch()
    return python


def _unpacked(name: str) -> Subject:
    folder = FOLDER / "functions" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(FOLDER / "archives" / f"{name}.zip", folder)
    python = environment(folder / "requirements.txt")
    compileall.compile_dir(folder, quiet=1)
    framework = str(python.with_name("functions-framework"))
    command = (framework, f"--target={name}", "--host=127.0.0.1", "--port={port}")
    return Subject(name, command, folder)
