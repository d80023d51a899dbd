"""The faults that can be armed."""

from pydantic import BaseModel, ConfigDict


class Faults(BaseModel):
    """The armed faults; the next POST replaces all of it, so `{}` ends it.

    `duplicate`: so many next dispatches arrive twice, at once. `drop`: so many next tasks are accepted and never run.
    `delay_seconds`: tasks come so much later than they say. `reorder`: the newest of those due goes first.
    `down`: the API answers 503 and nothing is dispatched.
    """

    model_config = ConfigDict(extra="forbid")
    duplicate: int = 0
    drop: int = 0
    delay_seconds: float = 0
    reorder: bool = False
    down: bool = False
