"""Who acts on a booking: the caller of a request, as the booking's history names them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy.orm import Session

from functions.web import Call
from shared.bookings.history import Actor


def acting(call: Call) -> Callable[[], AbstractContextManager[tuple[Session, Actor]]]:
    """Return what opens a transaction of a request and tells who acts in it."""

    @contextmanager
    def begin() -> Iterator[tuple[Session, Actor]]:
        with call.writing() as (session, caller):
            yield session, Actor(caller.role, caller.id)

    return begin
