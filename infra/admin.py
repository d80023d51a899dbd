"""`make admin EMAIL=…`: promotes a user to admin in the database of DATABASE_URL; no endpoint can."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from infra.postgres.engine import PostgresDatabase
from shared.audit import queries as audit
from shared.audit.context import AuditContext
from shared.bookings.promotion import HasRole, promote
from shared.kit.contact import Email
from shared.kit.database import Database
from shared.kit.errors import Refusal
from shared.kit.settings import Settings, SettingsError
from shared.users.models import ADMIN

THE_OPERATOR = AuditContext(UUID(int=0), "command", "command")


def make_admin(db: Database, email: str, now: datetime) -> str:
    """Promote a user to admin and return a report; raises the refusals of `promote`, except for a user who is an admin."""
    try:
        with db.transaction() as session:
            user, previous_role = promote(session, email, ADMIN, now)
            before = {"role": previous_role} if previous_role else None
            audit.record(session, THE_OPERATOR, "user.promoted", user.id, before, {"role": ADMIN}, now)
    except HasRole as refused:
        if refused.members["role"] != ADMIN:
            raise
        return f"{email} is an admin already."
    return f"{email} is an admin now, and signs in {'again' if previous_role else 'with a code by mail'}."


def main(arguments: Sequence[str]) -> None:
    try:
        settings = Settings.read()
        settings.require("database_url")
        email = TypeAdapter(Email).validate_python("".join(arguments))
    except SettingsError as wrong:
        sys.exit(str(wrong))
    except ValidationError:
        sys.exit("Usage: make admin EMAIL=name@example.com")
    db = PostgresDatabase(settings.database_url or "", 1)
    try:
        sys.stdout.write(make_admin(db, email, datetime.now(UTC)) + "\n")
    except Refusal as refused:
        sys.exit(refused.detail)
    finally:
        db.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
