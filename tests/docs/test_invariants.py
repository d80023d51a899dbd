"""docs/invariants.md lists every invariant, and every test it names exists."""

import re
from pathlib import Path

from functions import wiring

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/invariants.md").read_text()
ROWS = [line for line in GUIDE.splitlines() if line.startswith("| ")][1:]


def test_every_invariant_has_its_place_and_no_other_is_told_of():
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row)}
    assert named == set(wiring.invariants())


def test_every_file_of_every_room_is_asked_once():
    rooms = {str(path.relative_to(ROOT)): path for path in (ROOT / "shared").glob("**/invariants")}
    assert set(rooms) == set(re.findall(r"`(shared/[\w/]+)/`", GUIDE))
    files = [path.stem for room in rooms.values() for path in room.glob("*.py") if "\nBREACHES = " in path.read_text()]
    assert sorted(files) == sorted(wiring.invariants())


def test_each_of_the_fifteen_is_proved_and_every_test_it_names_is_there():
    assert len(ROWS) == 15
    assert all("`" in row for row in ROWS)
    tests = re.findall(r"`(tests/\S+\.py)::(\w+)`", GUIDE)
    assert len(tests) == 9
    assert [name for file, name in tests if f"def {name}(" not in (ROOT / file).read_text()] == []
