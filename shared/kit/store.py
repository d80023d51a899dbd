"""A store of short-lived facts (codes, counters) that decides atomically, by scripts, on its own clock."""

from collections.abc import Sequence
from typing import Any, Protocol

from shared.kit.errors import DependencyDown


class StoreUnavailable(DependencyDown):
    """The store gave no answer; the effect of the request is unknown. Left uncaught it closes: 503.

    `reason` is for the log: the kind of failure, never a key, a value or a token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again in a moment.")
        self.reason = reason


class StoreError(Exception):
    """The store refused a command as wrong: a defect of this code, not of the moment."""


class Store(Protocol):
    def eval(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Run a Lua script atomically and return its answer: None, int, str or a list of those.

        Raises `StoreUnavailable` when no answer came, `StoreError` when the script itself is wrong.
        """
