"""The import closure of a function, by static analysis: our files, and the names of the libraries they import.

Imports are followed, also those inside functions. A function is followed where code refers to it: `functions.wiring`
imports every adapter, and a bundle ships those whose getter its code mentions. All other statements are followed with
their module's import, and so is a function whose decorator may register it (`@routes.get`). A string that is the name
of a module of ours imports all of that module; a literal table of such names is followed where code refers to it. In
LINE_ROUTES only the shipped lines' entries are followed; each line's manifest is imported separately. A registry, a
table of entries (`gateways.GATEWAYS`), is followed field by field. `GATEWAYS[name].verify` follows the `verify` of all
entries, `for name in GATEWAYS` follows nothing more, and any other use follows everything in it.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OURS: Final = ("functions", "infra", "shared")
PASSIVE: Final = frozenset(
    {"cache", "contextmanager"}
)  # decorators that register nothing: the function is followed by reference only
DOTTED: Final = re.compile(r"\w+(\.\w+)+(:\w+)?")
LINE_ROUTES: Final = "LINE_ROUTES"
# Files a module opens by path: files beside it, and files of a library whose code it does not import.
BY_PATH: Final = {
    "functions.docs": ("openapi/core.json", "openapi/{line}.json"),
    "functions.docs.explorer": ("explorer.html", "page.css", "start.js"),
    "infra.migrations": ("env.py", "versions/*.py"),
}
FILES_OF: Final = {"functions.docs.explorer": ("flask_swagger_ui",)}
FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Closure:
    """`files`: paths in the tree; `imported`: the full names of imported modules, ours and libraries'."""

    files: frozenset[str]
    imported: frozenset[str]


@dataclass(frozen=True)
class _Module:
    """A parsed file: statements run at import, definitions followed by reference, and import aliases."""

    path: Path
    live: list[ast.stmt]
    deferred: dict[str, ast.stmt]
    aliases: dict[str, str]
    registries: dict[str, list[ast.keyword]]


class Tree:
    """The source tree; each file is parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, _Module | None] = {}

    def module(self, name: str) -> _Module | None:
        """Return a module of ours; None for a library's module and for a name that is no module."""
        if name not in self._known:
            stem = self.root.joinpath(*name.split("."))
            paths = (stem / "__init__.py", stem.with_suffix(".py")) if _first(name) in OURS else ()
            self._known[name] = next((_read(path) for path in paths if path.is_file()), None)
        return self._known[name]


@dataclass
class _Reading:
    """The state of one traversal: the files, imports and references found so far."""

    tree: Tree
    lines: Sequence[str]
    files: set[Path] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    named: set[tuple[str, str]] = field(default_factory=set)

    def module(self, name: str) -> None:
        """Follow the import of a module: its parent packages, and the statements it runs at import."""
        module = self.tree.module(name)
        if module is None:
            self.imported.add(name)
        elif name not in self.imported:
            self.imported.add(name)
            self.files.add(module.path)
            if "." in name:
                self.module(name.rpartition(".")[0])
            for statement in module.live:
                _Follow(self, name, module).visit(statement)
            self.imported.update(FILES_OF.get(name, ()))
            for pattern in BY_PATH.get(name, ()):
                for each in dict.fromkeys(pattern.format(line=line) for line in self.lines or [""]):
                    for path in module.path.parent.glob(each):
                        self._by_path(path)

    def _by_path(self, path: Path) -> None:
        if path.suffix == ".py":
            self.whole(".".join(path.relative_to(self.tree.root).with_suffix("").parts))
        else:
            self.files.add(path)

    def whole(self, name: str) -> None:
        """Follow a module including all its deferred definitions."""
        self.module(name)
        module = self.tree.module(name)
        for each in module.deferred if module else ():
            self.name(name, each)

    def name(self, module_name: str, name: str) -> None:
        """Follow a name in a module: a submodule, or a deferred definition."""
        if self.tree.module(f"{module_name}.{name}"):
            self.module(f"{module_name}.{name}")
        module = self.tree.module(module_name)
        if module and name in module.deferred and (module_name, name) not in self.named:
            self.named.add((module_name, name))
            _Follow(self, module_name, module).visit(module.deferred[name])

    def dotted(self, text: str) -> None:
        """Follow `package.module.name.…`; the longest prefix that is a module is the module."""
        parts = text.split(".")
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[:length])
            if self.tree.module(module):
                self.module(module)
                return self.name(module, parts[length]) if length < len(parts) else self.whole(module)
        return None


class _Follow(ast.NodeVisitor):
    """Follows the imports and references in one statement."""

    def __init__(self, reading: _Reading, module: str, known: _Module) -> None:
        self._reading, self._module, self._known = reading, module, known

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self._reading.module(each.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.module, "imports are absolute here"  # noqa: S101
        self._reading.module(node.module)
        for each in node.names:
            if _first(node.module) in OURS:
                self._reading.name(node.module, each.name)
            else:  # in a namespace package of several libraries, the name may select the library
                self._reading.module(f"{node.module}.{each.name}")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":  # only mypy evaluates it
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        if names == [LINE_ROUTES] and isinstance(node.value, ast.Dict):
            for line, routes in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(line, ast.Constant) and line.value in self._reading.lines:
                    self.visit(routes)
        else:
            self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        registry = isinstance(node.iter, ast.Name) and node.iter.id in self._known.registries
        for part in [*([] if registry else [node.iter]), *node.body, *node.orelse]:
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain, entry = _chain(node), node.value
        registry = entry.value.id if isinstance(entry, ast.Subscript) and isinstance(entry.value, ast.Name) else ""
        if isinstance(entry, ast.Subscript) and registry in self._known.registries:
            fields = [each for each in self._known.registries[registry] if each.arg == node.attr]
            for part in [entry.slice, *fields]:
                self.visit(part)
        elif chain and chain[0] in self._known.aliases:
            self._reading.dotted(".".join([self._known.aliases[chain[0]], *chain[1:]]))
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self._known.aliases:
            self._reading.dotted(self._known.aliases[node.id])
        else:
            self._reading.name(self._module, node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and DOTTED.fullmatch(node.value):
            module = node.value.partition(":")[0]
            if self._reading.tree.module(module):
                self._reading.whole(module)


def closure(
    tree: Tree,
    function: str,
    beside: Mapping[str, str] | None = None,
    lines: Sequence[str] = (),
    *,
    of: Sequence[str] = (),
) -> Closure:
    """Return the import closure of a function, from `main.py` on, by this module's rules.

    `lines` are the lines of business that the environment runs, `of` those whose manifest the function loads.
    `beside` maps a module to one that this environment ships with it.
    """
    reading = _Reading(tree, lines)
    entry = _read(tree.root / "main.py")
    for statement in [*entry.live, *entry.deferred.values()]:
        _Follow(reading, "main", entry).visit(statement)
    reading.whole(f"functions.{function}")
    for line in of:
        reading.whole(f"shared.lines.{line}.line")
    for module, needed in (beside or {}).items():
        if module in reading.imported:
            reading.whole(needed)
    files = {path.relative_to(tree.root).as_posix() for path in {entry.path, *reading.files}}
    return Closure(frozenset(files), frozenset(reading.imported))


def _first(name: str) -> str:
    return name.partition(".")[0]


def _chain(node: ast.expr) -> list[str] | None:
    if isinstance(node, ast.Attribute):
        base = _chain(node.value)
        return [*base, node.attr] if base else None
    return [node.id] if isinstance(node, ast.Name) else None


def _read(path: Path) -> _Module:
    live: list[ast.stmt] = []
    deferred: dict[str, ast.stmt] = {}
    tree = ast.parse(path.read_bytes())
    for statement in tree.body:
        names = _deferred_names(statement)
        deferred |= dict.fromkeys(names, statement)
        if not names:
            live.append(statement)
    return _Module(path, live, deferred, _aliases(tree), _registries(deferred))


def _deferred_names(statement: ast.stmt) -> list[str]:
    """Return the names a statement defines that are followed by reference only; none if it counts at import."""
    if isinstance(statement, FunctionDef):
        registering = {ast.unparse(each) for each in statement.decorator_list} - PASSIVE
        return [] if registering else [statement.name]
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict | ast.List | ast.Tuple | ast.Set):
        return (
            [each.id for each in statement.targets if isinstance(each, ast.Name)] if _is_table(statement.value) else []
        )
    return []


def _is_table(value: ast.expr) -> bool:
    """Tell whether an expression has only constants, names, and entries with keyword arguments."""
    match value:
        case ast.Constant() | ast.Name():
            return True
        case ast.Starred():
            return _is_table(value.value)
        case ast.List() | ast.Tuple() | ast.Set():
            return all(map(_is_table, value.elts))
        case ast.Dict():
            return all(key is not None and _is_table(key) for key in value.keys) and all(map(_is_table, value.values))
        case ast.Call(func=ast.Name(), args=[], keywords=keywords):
            return all(_is_table(each.value) for each in keywords)
    return False


def _registries(deferred: Mapping[str, ast.stmt]) -> dict[str, list[ast.keyword]]:
    """Return the keyword arguments of all entries, by the name of the registry."""
    found: dict[str, list[ast.keyword]] = {}
    for name, statement in deferred.items():
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            entries = [each for each in statement.value.values if isinstance(each, ast.Call)]
            if entries:
                found[name] = [each for entry in entries for each in entry.keywords]
    return found


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return the full name behind each name that a file imports."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                first = _first(each.name)
                aliases[each.asname or first] = each.name if each.asname else first
        if isinstance(node, ast.ImportFrom):
            aliases |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return aliases
