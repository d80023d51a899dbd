"""Merges the OpenAPI parts of the core and of a deployment's lines into one document."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def unknown_lines(folder: Path, lines: Sequence[str]) -> list[str]:
    """Return the lines that have no part in the folder; a line kept elsewhere, with a dotted name, needs none."""
    parts = {file.stem for file in folder.glob("*.json")} - {"core"}
    return [name for name in lines if name not in parts and "." not in name] if list(lines) != ["all"] else []


def merged(folder: Path, lines: Iterable[str]) -> dict[str, Any]:
    """Return the OpenAPI document of the core and these lines (`all`: every part in the folder).

    A line without a part has no API of its own.
    """
    named = sorted({file.stem for file in folder.glob("*.json")} - {"core"}) if "all" in lines else lines
    named = [name.rpartition(".")[2] for name in named]
    files = [folder / f"{name}.json" for name in ("core", *named)]
    document, *further = [json.loads(file.read_text()) for file in files if file.is_file()]
    for part in further:
        _add(document, part)
    return dict(document)


def _add(document: dict[str, Any], part: dict[str, Any]) -> None:
    known = {tag["name"] for tag in document["tags"]}
    document["tags"] = [*document["tags"], *(tag for tag in part["tags"] if tag["name"] not in known)]
    document["tags"].sort(key=lambda tag: str(tag["name"]))
    for path, item in part["paths"].items():
        document["paths"].setdefault(path, {}).update(item)
    for kind, components in part["components"].items():
        document["components"][kind].update(components)
        document["components"][kind] = dict(sorted(document["components"][kind].items()))
