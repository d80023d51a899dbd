"""The requirements of each function: the libraries it imports and their dependencies, pinned as in requirements.txt.

Fewer packages make a smaller image and a faster start; with one file for all, a new library would rebuild every function.
Dependencies are read from installed metadata, for the Python versions below and not for this machine's.
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

# Libraries that no module of ours imports: the server, and those that another module needs without declaring it.
SERVER: Final = "functions-framework"
UNDECLARED: Final = {
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
    """A bundle needs a library without a pinned version; the message names it."""


def pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each library of a requirements file, by its normalised name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def requirements(imported: frozenset[str], pinned: Mapping[str, str]) -> str:
    """Return a requirements file for code that imports these modules. Raises Unpinned."""
    needed = {SERVER} | {UNDECLARED[name] for name in imported & UNDECLARED.keys()} | _libraries(imported)
    left = [(name, "") for name in needed]
    seen: set[tuple[str, str]] = set()
    while left:
        library = left.pop()
        if library not in seen:
            seen.add(library)
            left += _dependencies(*library)
    names = sorted({name for name, _ in seen})
    if missing := [name for name in names if name not in pinned]:
        raise Unpinned(f"not in requirements.txt: {', '.join(missing)}")
    if other := [name for name in names if metadata.version(name) != pinned[name]]:
        raise Unpinned(f"installed version differs from requirements.txt: {', '.join(other)}")
    return "".join(f"{name}=={pinned[name]}\n" for name in names)


def _libraries(imported: frozenset[str]) -> set[str]:
    """Return the distributions of the imported modules that are neither ours nor Python's. Raises Unpinned."""
    foreign = {name for name in imported if name.partition(".")[0] not in {*OURS, *sys.stdlib_module_names}}
    found = {name: owners for name in foreign if (owners := _owners(name))}
    unknown = [name for name in foreign if not any(_is_within(name, known) for known in found)]
    if unknown:
        raise Unpinned(f"no installed library contains {', '.join(sorted(unknown))}: run `make install`")
    return {canonicalize_name(each) for owners in found.values() for each in owners}


def _owners(module: str) -> set[str]:
    """Return a module's library; in a namespace package of several (`google`), the one that contains the module."""
    libraries = set(_installed().get(module.partition(".")[0], ()))
    return libraries if len(libraries) == 1 else {each for each in libraries if _contains(each, module)}


def _is_within(name: str, known: str) -> bool:
    """Tell whether a name is in a known module or is its package: `from package import module` names both."""
    return f"{name}.".startswith(f"{known}.") or known.startswith(f"{name}.")


def _contains(library: str, module: str) -> bool:
    path = module.replace(".", "/")
    return any(str(file) in {f"{path}.py", f"{path}/__init__.py"} for file in metadata.files(library) or ())


@cache
def _installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _dependencies(name: str, extra: str) -> tuple[tuple[str, str], ...]:
    """Return a library's dependencies as (name, extra or ""), for any of our Python versions."""
    found: list[tuple[str, str]] = []
    for stated in map(Requirement, metadata.requires(name) or ()):
        places = ({**LINUX, "python_version": python, "python_full_version": f"{python}.0"} for python in PYTHONS)
        wanted = (stated.marker is None or stated.marker.evaluate({**place, "extra": extra}) for place in places)
        if any(wanted):
            found += [(canonicalize_name(stated.name), each) for each in ("", *sorted(stated.extras))]
    return tuple(found)
