"""Injectable faults of the Cloud Tasks stand-in."""

from pydantic import BaseModel, ConfigDict


class Faults(BaseModel):
    """The active faults; each POST replaces all of them, so `{}` clears them.

    `duplicate`: the next n dispatches are sent twice, at the same time. `drop`: the next n tasks are accepted and never
    run. `delay_seconds`: tasks are dispatched this much later. `reorder`: the newest due task is dispatched first.
    `down`: the API returns 503 and nothing is dispatched.
    """

    model_config = ConfigDict(extra="forbid")
    duplicate: int = 0
    drop: int = 0
    delay_seconds: float = 0
    reorder: bool = False
    down: bool = False
