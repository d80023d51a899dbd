"""The port of a store for short-lived data (codes, counters) that runs scripts atomically, on its own clock."""

from collections.abc import Sequence
from typing import Any, Protocol

from shared.kit.errors import DependencyDown


class StoreUnavailable(DependencyDown):
    """The store did not respond; the effect of the command is unknown. Uncaught, the response is 503.

    `reason` is for the log: the kind of failure, never a key, a value or a token.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("Please try again in a moment.")
        self.reason = reason


class StoreError(Exception):
    """The store rejected a command as invalid: a defect in this code, so a retry fails as well."""


class Store(Protocol):
    def eval(self, script: str, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Run a Lua script atomically and return its result: None, int, str or a list of those.

        Raises `StoreUnavailable` without a response, `StoreError` if the script is invalid.
        """
