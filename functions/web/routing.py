"""The static table of a function's routes: path → method → module that declares the endpoint.

Exact paths are dictionary keys and patterns match segment by segment: werkzeug's Map takes 14 ms to start with 32 rules.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from werkzeug.exceptions import MethodNotAllowed, NotFound

Table = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Route:
    """A path's pattern (`/bookings/{booking_id}`) and its modules by method."""

    pattern: str
    modules: Mapping[str, str]

    @cached_property
    def names(self) -> list[str | None]:
        """Return the parameter's name for each segment of the pattern; None for a literal segment."""
        return [each[1:-1] if each.startswith("{") else None for each in self.segments]

    @cached_property
    def segments(self) -> list[str]:
        return self.pattern.split("/")

    def values(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return the parameters of a path with as many segments as the pattern; None if the path does not match."""
        found = {}
        for wanted, name, given in zip(self.segments, self.names, segments, strict=True):
            if name is not None:
                found[name] = given
            elif wanted != given:
                return None
        return found

    def method(self, requested: str) -> str:
        """Return the declared method; GET also serves HEAD. Raises MethodNotAllowed with the allowed methods."""
        method = "GET" if requested == "HEAD" else requested
        if method not in self.modules:
            raise MethodNotAllowed([*self.modules, *(["HEAD"] if "GET" in self.modules else []), "OPTIONS"])
        return method


class RouteTable:
    """The routes of one function."""

    def __init__(self, table: Table) -> None:
        self.routes = [Route(pattern, modules) for pattern, modules in table.items()]
        self._exact = {route.pattern: route for route in self.routes if "{" not in route.pattern}
        self._patterns: dict[int, list[Route]] = {}
        for route in self.routes:
            if "{" in route.pattern:
                self._patterns.setdefault(len(route.segments), []).append(route)

    def match(self, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a path without double slashes, and its parameters. Raises NotFound."""
        path = path.removesuffix("/")
        if path in self._exact:
            return self._exact[path], {}
        segments = path.split("/")
        for route in self._patterns.get(len(segments), ()):
            values = route.values(segments)
            if values is not None:
                return route, values
        raise NotFound


def merge_slashes(path: str) -> str:
    return re.sub("//+", "/", path) if "//" in path else path
