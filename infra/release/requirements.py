"""The libraries a function installs: those its code names, with what they bring along, at the pins of requirements.txt.

Fewer packages are a smaller image and a faster start; one file for all would also build every function anew for one
library. The requirements of a library are read from its installed metadata, for the Pythons below and never for this machine.
"""

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.release.closure import OURS

# What is needed and imported by nobody of ours: the server, and what a module of ours or the library needs unsaid.
SERVER: Final = "functions-framework"
UNSAID: Final = {
    "infra.google.invokers": "cryptography",
    "zoneinfo": "tzdata",
}  # RS256 for PyJWT; zones where the image has none
PYTHONS: Final = ("3.11", "3.12", "3.13")
LINUX: Final = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}


class Unpinned(Exception):
    """A bundle would need a library at a version nobody has chosen; says which."""


def pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each library of a requirements file, by its normalised name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def requirements(imported: frozenset[str], pinned: Mapping[str, str]) -> str:
    """Return a requirements file for code that imports these. Raises Unpinned."""
    needed = {SERVER} | {UNSAID[name] for name in imported & UNSAID.keys()} | _libraries(imported)
    left = [(name, "") for name in needed]
    seen: set[tuple[str, str]] = set()
    while left:
        library = left.pop()
        if library not in seen:
            seen.add(library)
            left += _brought_by(*library)
    names = sorted({name for name, _ in seen})
    if missing := [name for name in names if name not in pinned]:
        raise Unpinned(f"not in requirements.txt: {', '.join(missing)}")
    if other := [name for name in names if metadata.version(name) != pinned[name]]:
        raise Unpinned(f"installed at another version than requirements.txt says: {', '.join(other)}")
    return "".join(f"{name}=={pinned[name]}\n" for name in names)


def _libraries(imported: frozenset[str]) -> set[str]:
    """Return the names under which the modules that are neither ours nor Python's are installed. Raises Unpinned."""
    foreign = {name for name in imported if name.partition(".")[0] not in {*OURS, *sys.stdlib_module_names}}
    found = {name: owners for name in foreign if (owners := _owners(name))}
    unknown = [name for name in foreign if not any(_is_within(name, known) for known in found)]
    if unknown:
        raise Unpinned(f"nothing that is installed holds {', '.join(sorted(unknown))}: make install")
    return {canonicalize_name(each) for owners in found.values() for each in owners}


def _owners(module: str) -> set[str]:
    """Return the library a module is of; of a package that several libraries share (`google`), the one that holds it."""
    libraries = set(_installed().get(module.partition(".")[0], ()))
    return libraries if len(libraries) == 1 else {each for each in libraries if _holds(each, module)}


def _is_within(name: str, known: str) -> bool:
    """Tell whether a name is of a module we know, or the package of one: `from package import module` names both."""
    return f"{name}.".startswith(f"{known}.") or known.startswith(f"{name}.")


def _holds(library: str, module: str) -> bool:
    path = module.replace(".", "/")
    return any(str(file) in {f"{path}.py", f"{path}/__init__.py"} for file in metadata.files(library) or ())


@cache
def _installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _brought_by(name: str, extra: str) -> tuple[tuple[str, str], ...]:
    """Return the libraries, each with an extra or none, that one needs for any Python we run on."""
    brought: list[tuple[str, str]] = []
    for stated in map(Requirement, metadata.requires(name) or ()):
        places = ({**LINUX, "python_version": python, "python_full_version": f"{python}.0"} for python in PYTHONS)
        wanted = (stated.marker is None or stated.marker.evaluate({**place, "extra": extra}) for place in places)
        if any(wanted):
            brought += [(canonicalize_name(stated.name), each) for each in ("", *sorted(stated.extras))]
    return tuple(brought)
