"""Pairs of operations: the first stops at a boundary while the second runs concurrently."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from shared.kit.errors import DependencyDown, Refusal
from tests.boundaries import BEGIN, CALLED, INSIDE, READ, WatchedDatabase, WatchedGateway
from tests.postgres_server import plain_connection
from tests.races.at_rest import assert_ends_well
from tests.races.operations import Case, Operations, World

START = "start"
CHECK_SECONDS, TIMEOUT_SECONDS = 0.004, 20.0  # seconds
LOCK_WAITS = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


class Race:
    """The database and gateway of a race: the first operation runs in this thread, the second in another."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self._second_waits = False
        self._observer = plain_connection(url)
        self._thread = ThreadPoolExecutor(1)

    def close(self) -> None:
        self._thread.shutdown()
        self._observer.close()
        self.world.db.dispose()

    def run_concurrently(self, boundary: str, act: Callable[[], object]) -> "Future[object]":
        """Start a call in another thread; returns when it ends or waits for a lock held at this boundary."""
        begun = self._thread.submit(act)
        self._second_waits = False
        while not (begun.done() or self._second_waits):
            wait([begun], CHECK_SECONDS if boundary in INSIDE else TIMEOUT_SECONDS)
            self._second_waits = not begun.done() and bool(self._observer.run(LOCK_WAITS))
        return begun

    def distinct_boundaries(self, first: str, second: str) -> Iterator[tuple[int, str]]:
        """Yield the first operation's boundaries, from its beginning, without equivalent ones.

        Adjacent boundaries are equivalent; the first's end is the reversed pair's beginning. If the second waits inside
        a transaction, it would also wait at that transaction's later boundaries.
        """
        case, reached = Case.of(self.world, first, second), list[str]()
        run(case, first, 0, reached.append)
        assert_ends_well(case)
        self._second_waits = False
        for nth, boundary in enumerate(reached[:-1]):
            self._second_waits &= boundary in INSIDE
            if not (self._second_waits or boundary == READ or _is_same_instant(reached[nth - 1], boundary)):
                yield nth, boundary

    def interleave(self, first: str, second: str, nth: int) -> None:
        """Stop the first operation at a boundary and run the second as far as the first's locks allow."""
        case = Case.of(self.world, first, second)
        stop = _StopAt(lambda at: self.run_concurrently(at, lambda: run(case, second, 1, lambda _: None)), nth)
        run(case, first, 0, stop.reached)
        stop.end()
        assert_ends_well(case)


def _is_same_instant(before: str, boundary: str) -> bool:
    """Return whether two boundaries are adjacent; after a read they are not, as its rows may be stale."""
    begins = boundary == BEGIN or boundary.endswith(CALLED)
    return begins and before != READ


class _StopAt:
    """Starts the second operation at the first's nth boundary; a second blocked by the first ends before it
    continues."""

    def __init__(self, start: Callable[[str], "Future[object]"], nth: int) -> None:
        self._start, self._remaining = start, nth
        self._second: Future[object] | None = None

    def reached(self, boundary: str) -> None:
        if self._second is not None:
            if boundary not in INSIDE:
                self._second.result(TIMEOUT_SECONDS)
        elif self._remaining == 0:
            self._second = self._start(boundary)
        self._remaining -= 1

    def end(self) -> None:
        assert self._second is not None, "the boundary was not reached"
        self._second.result(TIMEOUT_SECONDS)


def run(case: Case, name: str, side: int, hook: Callable[[str], None]) -> None:
    """Run an operation; a Refusal is allowed, no other error."""
    hook(START)
    db = WatchedDatabase(case.world.db, hook)
    with suppress(Refusal):
        try:
            getattr(Operations(case, db, WatchedGateway(case.bank, hook), side), name)()
            case.done.append(name)
        except DependencyDown as down:
            raise AssertionError(f"{name} was given up") from down
    assert db.conflicts == []
