"""Docstring sentences are short with a noun as subject, and the core names no line of business."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 30  # words
DEFINITIONS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
# Parts of the core where no line of business is named; functions of which one is a line's own are listed in functions.yaml.
CORE = (
    *(
        path
        for path in sorted((ROOT / "shared").iterdir())
        if path.is_dir() and path.name not in {"lines", "__pycache__"}
    ),
    *(ROOT / "functions" / name for name in ("web", "auth", "callback", "payments", "tasks", "schedule", "migrate")),
    *(ROOT / "functions" / name for name in ("wiring.py", "gateways.py", "notifications.py")),
)


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]


def sentences(path: Path) -> Iterator[str]:
    """Yield the sentences of a file's docstrings; tables, whose columns are spaced, have none."""
    for node in ast.walk(ast.parse(path.read_text())):
        text = ast.get_docstring(node) if isinstance(node, DEFINITIONS) else None
        for paragraph in re.split(r"\n\s*\n|\n\s*[-*|] ", text or ""):
            if not re.search(r"\S {3,}\S", paragraph):
                yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(])", paragraph.strip())


@pytest.mark.parametrize("room", ["functions", "shared", "infra"])
def test_no_docstring_has_a_sentence_over_thirty_words(room: str):
    long = [
        (path.relative_to(ROOT).as_posix(), sentence)
        for path in sources(ROOT / room)
        for sentence in sentences(path)
        if sum(bool(re.search(r"\w", word)) for word in sentence.split()) > LONGEST
    ]
    assert long == []


def test_the_subject_of_a_sentence_is_a_noun():
    riddles = [
        (path.relative_to(ROOT).as_posix(), sentence)
        for room in ("functions", "shared", "infra")
        for path in sources(ROOT / room)
        for sentence in sentences(path)
        if re.match(r"(Who|What|Whoever|Whatever)\b", sentence)
    ]
    assert riddles == []


@pytest.mark.parametrize("part", CORE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_of_the_core_names_a_line(part: Path):
    lines = [path.parent.name for path in (ROOT / "shared" / "lines").glob("*/line.py")]
    assert lines
    word = re.compile(rf"\b({'|'.join(lines)}|chefs?|sizzle)\b", re.IGNORECASE)
    named = [
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in sources(part)
        for line in path.read_text().splitlines()
        if word.search(line)
    ]
    assert named == []
