"""The sessions of a request: each tells who is calling, before its first statement or along with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from functions import access, wiring
from shared.kit.database import Question
from shared.sign_in.sessions import Caller
from shared.sign_in.tokens import Claims


class Calling:
    """Somebody with a token, at the door of an endpoint for one role."""

    claims: Claims | None
    role: str | None
    now: datetime

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Caller]]:
        """Open a session for reads whose first statement has told who is calling."""
        with wiring.database().reading() as session:
            yield session, self._caller(session)

    @contextmanager
    def writing(self, *, lock: bool = False) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction whose first statement has told who is calling, and has locked their row where asked."""
        with wiring.database().transaction() as session:
            yield session, self._caller(session, lock=lock)

    @contextmanager
    def locking(self) -> Iterator[tuple[Session, Caller]]:
        """Open a transaction in which the requests of one caller follow one another."""
        with self.writing(lock=True) as (session, caller):
            yield session, caller

    @contextmanager
    def reading_at_once(self) -> Iterator[tuple[Session, Claims]]:
        """Open a session for reads whose first statement takes along the question who is calling.

        Until then only the token has said so; whom it names wrongly, no statement answers.
        """
        with wiring.database().reading(self._question()) as session:
            yield session, self._claimed

    @contextmanager
    def locking_at_once(self) -> Iterator[tuple[Session, Claims]]:
        """Do the same for a transaction in which the requests of one caller follow one another."""
        with wiring.database().transaction(self._question(lock=True)) as session:
            yield session, self._claimed

    def _question(self, *, lock: bool = False) -> Question:
        return access.question(self._claimed, self.role or "", self.now, lock=lock)

    def _caller(self, session: Session, *, lock: bool = False) -> Caller:
        return access.caller(session, self._claimed, self.role or "", self.now, lock=lock)

    @property
    def _claimed(self) -> Claims:
        assert self.claims, "the endpoint declares a role"  # noqa: S101
        return self.claims
