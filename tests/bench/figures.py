"""What a measurement found, and whether it keeps what is promised of it."""

import operator
import statistics
from dataclasses import dataclass
from typing import Final

HOLDS: Final = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True)
class Goal:
    """A bound that a figure is to keep, `≤ 0.85` for one."""

    sign: str
    bound: float

    def met(self, measured: float) -> bool:
        return bool(HOLDS[self.sign](measured, self.bound))

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


@dataclass(frozen=True)
class Figure:
    """A quantity beside what it is held against, one value a repetition each, in the same unit.

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
    """Something counted, which no noise touches, and the bound it keeps."""

    part: str
    what: str
    unit: str
    counted: float
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.met(self.counted)
