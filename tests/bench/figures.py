"""Measured values and their goals."""

import operator
import statistics
from dataclasses import dataclass
from typing import Final

HOLDS: Final = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True)
class Goal:
    """A bound a figure must satisfy, such as `≤ 0.85`."""

    sign: str
    bound: float

    def met(self, measured: float) -> bool:
        return bool(HOLDS[self.sign](measured, self.bound))

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """A measured quantity and its baseline, one value per repetition each, in the same unit.

    The two were measured one after the other, so that the ratio is taken repetition by repetition.
    """

    part: str
    what: str
    unit: str
    ours: list[float]
    against: str
    theirs: list[float]
    goal: Goal | None = None

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.ratio)


@dataclass(frozen=True)
class Count:
    """A counted value, free of noise, and its goal."""

    part: str
    what: str
    unit: str
    counted: float
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.counted)
