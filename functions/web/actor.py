"""The actor of a change to a booking: the caller of a request, as recorded in the booking's history and audit log."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from sqlalchemy.orm import Session

from functions.web.call import Call
from shared.audit import queries as audit
from shared.bookings import queries as bookings
from shared.bookings.history import Actor

Begin = Callable[[], AbstractContextManager[tuple[Session, Actor]]]


def with_actor(call: Call) -> Begin:
    """Return a function that opens a transaction and yields its session and the request's actor."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with call.writing() as (session, caller):
            yield session, Actor(caller.role, caller.id)

    return begin


def with_audit(call: Call, action: str, booking_id: UUID) -> Begin:
    """As `with_actor`, for an admin; also writes an audit entry with the booking's state before and after."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with call.writing() as (session, caller):
            before = bookings.snapshot(session, booking_id)
            yield session, Actor(caller.role, caller.id)
            session.flush()
            after = bookings.snapshot(session, booking_id)
            audit.record(session, call.by(caller), action, booking_id, before, after, call.now)

    return begin
