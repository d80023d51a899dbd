"""One module changes the state of a booking."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATES = {"status", "payment_status", "acceptance"}


def assigned(path: Path) -> list[str]:
    """Return the assignments to a booking's states in a file: of an attribute of anything that is called a booking."""
    return [
        ast.unparse(target)
        for node in ast.walk(ast.parse(path.read_text()))
        for target in getattr(node, "targets", [getattr(node, "target", None)])
        for target in ast.walk(target or ast.Pass())
        if isinstance(target, ast.Attribute) and target.attr in STATES and "self" not in ast.unparse(target)
    ]


def test_only_the_transitions_assign_a_bookings_states():
    """Fails when a use case moves a booking around the state table and its history."""
    files = (ROOT / "shared").rglob("*.py")
    assert {path.relative_to(ROOT).as_posix() for path in files if assigned(path)} == {"shared/bookings/transitions.py"}


def test_no_statement_updates_a_bookings_states():
    texts = {path: path.read_text().lower() for path in (ROOT / "shared").rglob("*.py")}
    assert [
        str(path) for path, text in texts.items() if "update bookings set" in text or "update(booking)" in text
    ] == []
