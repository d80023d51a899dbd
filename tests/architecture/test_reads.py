"""GET handlers open no writing transaction: they hold no locks beyond a statement, and could run on a replica."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITING = {"writing", "locking", "locking_piggybacked", "transaction", "idempotent"}


def readers() -> dict[str, ast.FunctionDef]:
    """Return the handlers of every GET by module and name."""
    found = {}
    for path in sorted(path for room in ("functions", "tests/lines") for path in (ROOT / room).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            decorators = [ast.unparse(each) for each in getattr(node, "decorator_list", [])]
            if isinstance(node, ast.FunctionDef) and any(each.startswith("routes.get(") for each in decorators):
                found[f"{path.relative_to(ROOT)}:{node.name}"] = node
    return found


def named(node: ast.AST) -> set[str]:
    attributes = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    return attributes | {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def test_no_get_handler_opens_a_writing_transaction():
    found = readers()
    assert len(found) > 30
    assert [name for name, node in found.items() if named(node) & WRITING] == []
