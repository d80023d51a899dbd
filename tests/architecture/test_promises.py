"""The signature and the docstring of a public function say what a caller needs to know of it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED_ROOMS = ("bookings", "payments", "appointments", "lines")
# An annotation that accepts any JSON object; the values of `dict[str, int]` or of a TypedDict are known.
UNTYPED = re.compile(
    r"\b(dict|Mapping)\b(?!\[)|\b(dict|Mapping)\[\w+, [^\]]*\b(Any|object|Json)\b|\bJson\b|\bRowMapping\b"
)
AT_THE_COLUMN = {"from_row", "to_row"}  # between a dataclass and the JSON column it is stored in
MONEY = {"amount", "total", "earning", "refund", "fee", "paise", "price", "subtotal"}
LOCKS = re.compile(r"for (no key )?update\b|with_for_update|\bfor_update\(", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Public:
    """A public function or method, the docstrings of its module and class, and its source with the statements it executes."""

    where: str
    node: Function
    around: str
    source: str

    @property
    def said(self) -> str:
        """The words a caller reads: the name, the docstring, and those of its module and class."""
        name = self.node.name.replace("_", " ")
        return f"{name}\n{ast.get_docstring(self.node) or ''}\n{self.around}".lower()

    def annotations(self) -> Iterator[tuple[str, str]]:
        arguments = self.node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation:
                yield argument.arg, ast.unparse(argument.annotation)
        if self.node.returns:
            yield "return", ast.unparse(self.node.returns)


def public(*rooms: str) -> list[Public]:
    found = []
    for path in sorted(path for room in rooms for path in (ROOT / "shared" / room).rglob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        constants = {
            target.id: ast.get_source_segment(text, node) or ""
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        about = {node: ast.get_docstring(each) or "" for each in classes for node in each.body}
        for node in (*tree.body, *about):
            if isinstance(node, Function) and not node.name.startswith("_"):
                where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                used = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
                statements = [source for name, source in constants.items() if name in used]
                source = "\n".join([ast.get_source_segment(text, node) or "", *statements])
                found.append(Public(where, node, f"{ast.get_docstring(tree) or ''}\n{about.get(node, '')}", source))
    return found


ROOMS = [path.name for path in sorted((ROOT / "shared").iterdir()) if path.is_dir() and path.name != "__pycache__"]


@pytest.mark.parametrize("room", TYPED_ROOMS)
def test_no_untyped_dict_crosses_a_module_boundary(room: str):
    untyped = [
        f"{function.where} {name}: {annotation}"
        for function in public(room)
        if function.node.name not in AT_THE_COLUMN
        for name, annotation in function.annotations()
        if UNTYPED.search(annotation)
    ]
    assert untyped == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_function_refuses_is_said(room: str):
    silent = []
    for function in public(room):
        raised = {
            ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            for node in ast.walk(function.node)
            if isinstance(node, ast.Raise) and node.exc is not None
        }
        is_validator = any("validator" in ast.unparse(each) for each in function.node.decorator_list)
        if raised and not is_validator and not re.search(r"\brais|\brefus|\b4\d\d\b", function.said):
            silent.append(f"{function.where} raises {sorted(raised)}")
    assert silent == []


@pytest.mark.parametrize("room", ROOMS)
def test_an_amount_has_its_unit(room: str):
    silent = [
        f"{function.where} {name}"
        for function in public(room)
        for name, annotation in function.annotations()
        if annotation.startswith("int")
        and (name in MONEY or (name == "return" and set(function.node.name.split("_")) & MONEY))
        and not re.search(r"paise|rupees", function.said)
    ]
    assert silent == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_lock_is_said(room: str):
    silent = [
        function.where
        for function in public(room)
        if LOCKS.search(function.source) and not re.search(r"\block", function.said)
    ]
    assert silent == []
