"""Each function as it is deployed: its bundle unpacked, its own requirements installed, everything compiled."""

import compileall
import shutil

from infra.release import bundles
from tests.bench.environments import FOLDER, ROOT, environment
from tests.bench.servers import Subject


def deployed(functions: list[str]) -> dict[str, Subject]:
    """Return the functions, each with its own folder and environment; existing ones are reused."""
    bundles.build(ROOT, FOLDER / "archives")
    return {name: _unpacked(name) for name in functions}


def _unpacked(name: str) -> Subject:
    folder = FOLDER / "functions" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(FOLDER / "archives" / f"{name}.zip", folder)
    python = environment(folder / "requirements.txt")
    compileall.compile_dir(folder, quiet=1)
    framework = str(python.with_name("functions-framework"))
    command = (framework, f"--target={name}", "--host=127.0.0.1", "--port={port}")
    return Subject(name, command, folder)
