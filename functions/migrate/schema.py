from functions import wiring
from functions.web import authentication
from functions.web.authentication import UnknownInvoker
from functions.web.call import Call
from functions.web.endpoint import Routes
from infra.migrations import upgrade
from shared.kit.schemas import View

routes = Routes("/migrations")


class Migrated(View):
    """The revision before and the one the database is at now."""

    before: str | None
    after: str | None


@routes.post("/upgrade", answer=Migrated, refuses=(UnknownInvoker,))
def upgrade_to_head(call: Call) -> Migrated:
    """Apply every migration this release knows and the database has not seen."""
    chosen = wiring.settings()
    authentication.invoked_by(call.request, chosen.migrate_url or "", chosen.migrate_invoker or "")
    before, after = upgrade(chosen.database_url or "")
    return Migrated(before=before, after=after)
