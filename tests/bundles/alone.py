"""Serves or imports a bundle where only packages of its requirements.txt can be imported.

`python -I alone.py FOLDER serve TARGET PORT` serves it as production does; `… imports` imports every module of it.
Standard library only: it runs where nothing of ours is installed.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path

STEPS = "infra/migrations/"  # what alembic opens by its path cannot be imported


class OnlyTheRequired(MetaPathFinder):
    """An import finder that hides every library the bundle does not require."""

    def __init__(self, requirements: str) -> None:
        required = {plain(name) for name in re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE)}
        owners = metadata.packages_distributions()
        self.refused = {name for name, given in owners.items() if not required & {plain(each) for each in given}}

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in self.refused:
            raise ModuleNotFoundError(f"{name} is not in the bundle's requirements.txt", name=name)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder)
        if not relative.as_posix().startswith((STEPS + "env", STEPS + "versions")):
            yield ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


def main(folder: Path, task: str, *arguments: str) -> None:
    sys.meta_path.insert(0, OnlyTheRequired((folder / "requirements.txt").read_text()))
    if task == "imports":
        sys.path.append(str(folder))
        for name in modules(folder):
            importlib.import_module(name)
        return
    target, port = arguments
    sys.argv = ["functions-framework", f"--target={target}", "--host=127.0.0.1", f"--port={port}"]
    os.chdir(folder)
    from functions_framework._cli import _cli

    _cli()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
