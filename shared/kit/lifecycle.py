"""A state machine is a table: the pairs of states that may follow each other, and one function that moves."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)


class IllegalMove(Exception):
    """The table does not allow this step; names both states."""

    def __init__(self, current: StrEnum, target: StrEnum, allowed: frozenset[StrEnum]) -> None:
        super().__init__(f"{current} cannot become {target}")
        self.current, self.target, self.allowed = current, target, allowed


class Lifecycle(Generic[State]):
    """The legal moves of one kind of thing: each state with the states that may follow it."""

    def __init__(self, moves: Mapping[State, frozenset[State]]) -> None:
        self.moves = dict(moves)

    def allows(self, current: State, target: State) -> bool:
        return target in self.moves[current]

    def move(self, current: State, target: State) -> State:
        """Return the target where the table allows the step; raise IllegalMove where it does not."""
        if not self.allows(current, target):
            raise IllegalMove(current, target, frozenset(self.moves[current]))
        return target

    def final(self, state: State) -> bool:
        return not self.moves[state]
