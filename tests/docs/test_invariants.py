"""docs/invariants.md lists every invariant, and every test it names exists."""

import re
from pathlib import Path

from functions import wiring

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/invariants.md").read_text()
ROWS = [line for line in GUIDE.splitlines() if line.startswith("| ")][1:]


def test_the_guide_names_exactly_the_invariants_of_the_code():
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row)}
    assert named == set(wiring.invariants())


def test_every_invariants_file_is_wired_once():
    folders = {str(path.relative_to(ROOT)): path for path in (ROOT / "shared").glob("**/invariants")}
    assert set(folders) == set(re.findall(r"`(shared/[\w/]+)/`", GUIDE))
    modules = [path for folder in folders.values() for path in folder.glob("*.py")]
    files = [path.stem for path in modules if "\nBREACHES = " in path.read_text()]
    assert sorted(files) == sorted(wiring.invariants())


def test_each_of_the_fifteen_rows_names_proofs_that_exist():
    assert len(ROWS) == 15
    assert all("`" in row for row in ROWS)
    tests = re.findall(r"`(tests/\S+\.py)::(\w+)`", GUIDE)
    assert len(tests) == 9
    assert [name for file, name in tests if f"def {name}(" not in (ROOT / file).read_text()] == []
