"""State machines as tables of allowed transitions."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)


class IllegalMove(Exception):
    """The table does not allow this transition; has both states."""

    def __init__(self, current: StrEnum, target: StrEnum, allowed: frozenset[StrEnum]) -> None:
        super().__init__(f"{current} cannot become {target}")
        self.current, self.target, self.allowed = current, target, allowed


class Lifecycle(Generic[State]):
    """A state machine: each state with the states that may follow it."""

    def __init__(self, moves: Mapping[State, frozenset[State]]) -> None:
        self.moves = dict(moves)

    def allows(self, current: State, target: State) -> bool:
        return target in self.moves[current]

    def move(self, current: State, target: State) -> State:
        """Return the target if the table allows the transition; raises IllegalMove otherwise."""
        if not self.allows(current, target):
            raise IllegalMove(current, target, frozenset(self.moves[current]))
        return target

    def final(self, state: State) -> bool:
        return not self.moves[state]
