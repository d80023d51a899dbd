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
LOOK_EVERY, PATIENCE = 0.004, 20.0  # seconds
WAITS = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


class Stage:
    """The database and gateway of a race: the first operation runs in this thread, the second in another."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self._waited = False
        self._looking = plain_connection(url)
        self._thread = ThreadPoolExecutor(1)

    def close(self) -> None:
        self._thread.shutdown()
        self._looking.close()
        self.world.db.dispose()

    def beside(self, boundary: str, act: Callable[[], object]) -> "Future[object]":
        """Start a call in another thread; returns when it ends or waits for a lock held at this boundary."""
        begun = self._thread.submit(act)
        self._waited = False
        while not (begun.done() or self._waited):
            wait([begun], LOOK_EVERY if boundary in INSIDE else PATIENCE)
            self._waited = not begun.done() and bool(self._looking.run(WAITS))
        return begun

    def instants(self, first: str, second: str) -> Iterator[tuple[int, str]]:
        """Yield the first operation's boundaries, from its beginning, without equivalent ones.

        Adjacent boundaries are equivalent; the first's end is the reversed pair's beginning. If the second waits inside
        a transaction, it would also wait at that transaction's later boundaries.
        """
        case, met = Case.of(self.world, first, second), list[str]()
        run(case, first, 0, met.append)
        assert_ends_well(case)
        self._waited = False
        for nth, boundary in enumerate(met[:-1]):
            self._waited &= boundary in INSIDE
            if not (self._waited or boundary == READ or _is_same_instant(met[nth - 1], boundary)):
                yield nth, boundary

    def interleave(self, first: str, second: str, nth: int) -> None:
        """Stop the first operation at a boundary and run the second as far as the first's locks allow."""
        case = Case.of(self.world, first, second)
        meeting = _Meeting(lambda at: self.beside(at, lambda: run(case, second, 1, lambda _: None)), nth)
        run(case, first, 0, meeting.reached)
        meeting.end()
        assert_ends_well(case)


def _is_same_instant(before: str, boundary: str) -> bool:
    """Return whether two boundaries are adjacent; after a read they are not, as its rows may be stale."""
    begins = boundary == BEGIN or boundary.endswith(CALLED)
    return begins and before != READ


class _Meeting:
    """Starts the second operation at the first's nth boundary; a second blocked by the first ends before it
    continues."""

    def __init__(self, start: Callable[[str], "Future[object]"], nth: int) -> None:
        self._start, self._left = start, nth
        self._second: Future[object] | None = None

    def reached(self, boundary: str) -> None:
        if self._second is not None:
            if boundary not in INSIDE:
                self._second.result(PATIENCE)
        elif self._left == 0:
            self._second = self._start(boundary)
        self._left -= 1

    def end(self) -> None:
        assert self._second is not None, "the boundary was not reached"
        self._second.result(PATIENCE)


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
