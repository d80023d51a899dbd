"""The modules that a function may run, read from the source without running it: our files, and the libraries they name.

Imports are followed, those inside functions too. A function counts where somebody names it: `functions.wiring` imports
every adapter, and a bundle ships those whose getter its code mentions. Everything else in a module counts as soon as
the module is imported, and so does a function behind a decorator that may keep it (`@routes.get`). A string that is the
name of a module of ours is an import of all of it; a literal table of such names counts where named. Of LINE_ROUTES, the
routes of lines by name, the entries of the lines that are shipped count; the manifest of each is an import of its own.
So does a registry, a table of entries (`gateways.GATEWAYS`), and field by field. `GATEWAYS[name].verify` follows what the
entries hold as `verify`, `for name in GATEWAYS` follows nothing more, any other use follows all of it.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OURS: Final = ("functions", "infra", "shared")
PASSIVE: Final = frozenset({"cache", "contextmanager"})  # decorators that keep nothing: the function waits to be named
DOTTED: Final = re.compile(r"\w+(\.\w+)+(:\w+)?")
LINE_ROUTES: Final = "LINE_ROUTES"
# What a module opens by its path: files beside it, and files of a library none of whose code it imports.
BY_PATH: Final = {
    "functions.docs.document": ("openapi/core.json", "openapi/{line}.json"),
    "functions.docs.explorer": ("explorer.html", "page.css", "start.js"),
    "infra.migrations": ("env.py", "versions/*.py"),
}
FILES_OF: Final = {"functions.docs.explorer": ("flask_swagger_ui",)}
FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Closure:
    """`files` by their path in the tree; `imported`: the names of modules, ours and others', as they are imported."""

    files: frozenset[str]
    imported: frozenset[str]


@dataclass(frozen=True)
class _Module:
    """A file's own names: what importing it runs, what waits to be named, and what it calls the modules of others."""

    path: Path
    live: list[ast.stmt]
    waiting: dict[str, ast.stmt]
    aliases: dict[str, str]
    registries: dict[str, list[ast.keyword]]


class Tree:
    """The source as it is now, each file read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, _Module | None] = {}

    def module(self, name: str) -> _Module | None:
        """Return a module of ours; None for anybody else's, and for what is no module."""
        if name not in self._known:
            stem = self.root.joinpath(*name.split("."))
            paths = (stem / "__init__.py", stem.with_suffix(".py")) if _first(name) in OURS else ()
            self._known[name] = next((_read(path) for path in paths if path.is_file()), None)
        return self._known[name]


@dataclass
class _Reading:
    """A function's part of the tree, as far as it has been followed."""

    tree: Tree
    lines: Sequence[str]
    files: set[Path] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    named: set[tuple[str, str]] = field(default_factory=set)

    def module(self, name: str) -> None:
        """Follow the import of a module: its packages first, then what importing it runs."""
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
        """Follow a module of which anything may be used."""
        self.module(name)
        module = self.tree.module(name)
        for each in module.waiting if module else ():
            self.name(name, each)

    def name(self, module_name: str, name: str) -> None:
        """Follow a name of a module: a module below it, or a definition that waited to be named."""
        if self.tree.module(f"{module_name}.{name}"):
            self.module(f"{module_name}.{name}")
        module = self.tree.module(module_name)
        if module and name in module.waiting and (module_name, name) not in self.named:
            self.named.add((module_name, name))
            _Follow(self, module_name, module).visit(module.waiting[name])

    def dotted(self, text: str) -> None:
        """Follow `package.module.name.…`: the module is the longest part that is one."""
        parts = text.split(".")
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[:length])
            if self.tree.module(module):
                self.module(module)
                return self.name(module, parts[length]) if length < len(parts) else self.whole(module)
        return None


class _Follow(ast.NodeVisitor):
    """Finds what one statement imports and names."""

    def __init__(self, reading: _Reading, module: str, known: _Module) -> None:
        self._reading, self._module, self._known = reading, module, known

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            self._reading.module(each.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.module, "this house imports by full names"  # noqa: S101
        self._reading.module(node.module)
        for each in node.names:
            if _first(node.module) in OURS:
                self._reading.name(node.module, each.name)
            else:  # of a package that several libraries share, the name may be the library
                self._reading.module(f"{node.module}.{each.name}")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":  # read by mypy alone
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
    """Return what the function of this name may come to run, from `main.py` on; see this module's rules.

    `lines` are the lines of business that the environment runs, `of` those whose manifest the function loads.
    `beside` names modules that one environment needs wherever another module is (`{the other: the one}`).
    """
    reading = _Reading(tree, lines)
    entry = _read(tree.root / "main.py")
    for statement in [*entry.live, *entry.waiting.values()]:
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
    waiting: dict[str, ast.stmt] = {}
    tree = ast.parse(path.read_bytes())
    for statement in tree.body:
        names = _waits(statement)
        waiting |= dict.fromkeys(names, statement)
        if not names:
            live.append(statement)
    return _Module(path, live, waiting, _aliases(tree), _registries(waiting))


def _waits(statement: ast.stmt) -> list[str]:
    """Return the names under which a statement of a module waits to be used; none when importing it is using it."""
    if isinstance(statement, FunctionDef):
        kept = {ast.unparse(each) for each in statement.decorator_list} - PASSIVE
        return [] if kept else [statement.name]
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict | ast.List | ast.Tuple | ast.Set):
        return (
            [each.id for each in statement.targets if isinstance(each, ast.Name)] if _is_table(statement.value) else []
        )
    return []


def _is_table(value: ast.expr) -> bool:
    """Tell whether an expression only names things: constants, names, and entries of named fields."""
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


def _registries(waiting: Mapping[str, ast.stmt]) -> dict[str, list[ast.keyword]]:
    """Return the fields of every entry, by the name of the registry."""
    found: dict[str, list[ast.keyword]] = {}
    for name, statement in waiting.items():
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            entries = [each for each in statement.value.values if isinstance(each, ast.Call)]
            if entries:
                found[name] = [each for entry in entries for each in entry.keywords]
    return found


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Return what a file calls modules and their names, by their full names."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                first = _first(each.name)
                aliases[each.asname or first] = each.name if each.asname else first
        if isinstance(node, ast.ImportFrom):
            aliases |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return aliases
