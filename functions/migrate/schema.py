from functions import wiring
from functions.web import authentication
from functions.web.authentication import UnknownInvoker
from functions.web.call import Call
from functions.web.endpoint import Routes
from infra.migrations import unfinished_lines, upgrade
from shared.kit.errors import Refusal
from shared.kit.schemas import View

routes = Routes("/migrations")


class LineUnfinished(Refusal):
    """The release switches off a line of business that has unfinished bookings, refunds or outbox messages."""

    code = "line_unfinished"
    title = "A line of business is not finished"


class Migrated(View):
    """The database's revision before and after the migration."""

    before: str | None
    after: str | None


@routes.post("/upgrade", answer=Migrated, refuses=(UnknownInvoker, LineUnfinished))
def upgrade_to_head(call: Call) -> Migrated:
    """Apply this release's pending migrations to the database.

    A release without a line that has unfinished bookings, refunds or outbox messages is refused: no code would
    complete them.
    """
    chosen = wiring.settings()
    authentication.invoked_by(call.request, chosen.migrate_url or "", chosen.migrate_invoker or "")
    left = [name for name in unfinished_lines(chosen.database_url or "") if name not in wiring.line_names()]
    if left:
        raise LineUnfinished(
            f"LINES leaves out {', '.join(left)}, with unfinished bookings, refunds or messages.", lines=left
        )
    before, after = upgrade(chosen.database_url or "")
    return Migrated(before=before, after=after)
