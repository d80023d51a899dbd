"""Two databases with the same kind of history, one long and one short, each with the functions that serve it."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from infra import migrations
from infra.local.postgres import Postgres
from infra.phonepe.v1.client import PhonePe
from infra.postgres.engine import PostgresDatabase
from shared.kit.settings import Keys
from shared.sign_in import sessions
from shared.sign_in.tokens import AccessTokens
from shared.users.models import ADMIN
from tests.architecture.probe import SECRETS
from tests.bench.growth import copies, jobs, server
from tests.bench.growth.asks import PAGES, Served, served
from tests.bench.growth.lives import Lives, noon_before
from tests.bench.stage import LIVES
from tests.make import Make
from tests.phonepe_server import PhonePeServer

UNLIMITED = {"BOOKINGS_PER_HOUR": "1000000", "UNPAID_BOOKINGS_PER_CUSTOMER": "1000000"}
READ_SECONDS = 120.0  # the invariants read everything


@dataclass(frozen=True)
class Extent:
    """The extent of a run: the two sizes, the page length, the repetitions and the responses in each."""

    small: int
    large: int
    page: int
    repetitions: int
    times: int


@dataclass(frozen=True)
class Grown:
    """A filled database, and the seconds that filling it took."""

    db: PostgresDatabase
    served: Served
    seconds: float


def lived(postgres: Postgres, gateway: PhonePe, phonepe: PhonePeServer) -> Lives:
    """Create the template bookings in the template database."""
    url = server.database(postgres, "lived")
    migrations.upgrade(url)
    database = PostgresDatabase(url, 2)
    lives = Lives(Make(database, noon_before(10)), gateway, phonepe)
    lives.live()
    database.dispose()
    with closing(server.superuser(url)) as connection:
        copies.lived(connection, lives)
    return lives


@contextmanager
def grown(
    folder: Path, environ: dict[str, str], postgres: Postgres, lives: Lives, number: int, extent: Extent
) -> Iterator[Grown]:
    """Fill a database with `number` bookings, run the due jobs, and serve it."""
    url = server.database(postgres, f"of_{number}", "lived")
    began = time.perf_counter()
    copies.copy(url, lives, number, extent.page * (PAGES + 10))
    seconds = time.perf_counter() - began
    database = PostgresDatabase(url, 2, read_timeout=READ_SECONDS)
    jobs.settle(database, lives.gateway)
    settings = environ | UNLIMITED | {"DATABASE_URL": url}
    where = folder / str(number)
    where.mkdir()
    with served(where, settings, _who(Make(database, datetime.now(UTC)), lives, extent.page)) as found:
        yield Grown(database, found, seconds)
    database.dispose()


def _who(make: Make, lives: Lives, page: int) -> Served:
    [(admin,)] = make.rows("select id from users where role = :role", role=ADMIN)
    anew, chef = lives.customers[-1], lives.chefs[0].id
    callers = {"customer": copies.regular("customer"), "customer anew": anew.id, "chef": chef, "admin": admin}
    tokens = {who: _token(make, user_id, who.partition(" ")[0]) for who, user_id in callers.items()}
    address = anew.address_id
    assert address
    return Served(tokens, chef, address, page)


def _token(make: Make, user_id: UUID, role: str) -> str:
    [(email,)] = make.rows("select email from users where id = :id", id=user_id)
    with make.db.transaction() as session:
        begun = sessions.begin(session, email, LIVES, make.now)
    assert begun
    keys = AccessTokens(Keys.parse(SECRETS["JWT_KEYS"]), "bookings", "bookings-api", 86_400)
    return keys.issue(begun.user_id, begun.session_id, role, make.now)
