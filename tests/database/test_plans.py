"""No request and no job scans a table that grows with bookings.

Every operation of the API's document and every job runs on 30,000 bookings, and the server logs each plan with its rows
read. Sequential scans are priced high there, so a remaining scan has no index; a full index scan shows in its row
count.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from functions import gateways, wiring
from infra.migrations.tables import metadata
from infra.phonepe.v1.client import PhonePe
from infra.phonepe.v1.wire import Signer
from infra.postgres.engine import PostgresDatabase
from shared.kit.ids import new_id
from shared.kit.settings import Keys
from shared.lines.home_chef.visit import CHEF
from shared.payments.gateway import GatewayUnavailable
from shared.sign_in import sessions
from shared.sign_in.tokens import RefreshToken
from shared.users.models import CUSTOMER
from tests.bench.growth import copies
from tests.bench.growth.lives import Lives, noon_before
from tests.bench.growth.server import superuser
from tests.breaches import find_breaches
from tests.database.in_process import functions_on
from tests.database.world import LIFETIMES, ROWS, World
from tests.framework import client
from tests.http.bad_input import Operation, branches, operations
from tests.make import Make, Person
from tests.phonepe_server import PhonePeServer
from tests.plans import GROWS, STAYS_SMALL, Planned, log_plans, planned
from tests.postgres_server import shared_postgres

BOOKINGS, REGULARS = 30_000, 600
MOST, SHARE = 1_000, 20  # one scan may read this many rows, or this share of its table
# Permitted larger reads, with their reasons.
PERMITTED_SCANS = {
    ("GET /admin/reconciliations/days", "reconciliation_rows"): "a page is twenty days, with what was found on each",
    ("GET /admin/bookings", "bookings", "line"): "a line names nearly all of them, or nothing that there is",
    ("GET /admin/payments", "payment_attempts", "gateway"): "so does a gateway",
}
FULL_SCAN_JOBS = {"invariants"}  # reads everything each hour


@pytest.fixture(scope="module")
def grown(template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a world on a database with a history, which logs its plans."""
    url = shared_postgres().new_database(template)
    database = PostgresDatabase(url)
    with (
        PhonePeServer(tmp_path_factory.mktemp("phonepe"), refund_seconds=0) as phonepe,
        functions_on(database) as patch,
    ):
        gateway = PhonePe(phonepe.url, phonepe.merchant_id, Signer(Keys(phonepe.salts)), "http://127.0.0.1:9/callback")
        patch.setattr(gateways, "gateway_named", lambda _: gateway)
        _loaded(url, gateway, phonepe)
        superuser_url = make_url(url).set(username="postgres").render_as_string(hide_password=False)
        log_plans(superuser_url, enable_seqscan="off")
        world = _world(database, gateway, phonepe)
        world.ids["superuser_url"] = superuser_url
        yield world
        database.dispose()


def _loaded(url: str, gateway: PhonePe, phonepe: PhonePeServer) -> None:
    database = PostgresDatabase(url)
    lives = Lives(Make(database, noon_before(10)), gateway, phonepe)
    lives.live()
    database.dispose()
    with closing(superuser(url)) as connection:
        copies.lived(connection, lives)
    copies.copy(url, lives, BOOKINGS, REGULARS)
    assert find_breaches(database, datetime.now(UTC)) == [], "a history the functions would not leave"
    database.dispose()


def _world(database: PostgresDatabase, gateway: PhonePe, phonepe: PhonePeServer) -> World:
    """Add one of everything for new users; the world's own users keep the long lists."""
    make = Make(database, datetime.now(UTC))
    make.run("update users set email = 'z' || email where email not like '%growth.example'")  # builders number from one
    world = World(make, gateway, phonepe)
    world.completed()
    for add in dict.fromkeys(ROWS.values()):
        if add is not World.reconciled_day:  # all its days are rolled up
            add(world)
    for job in _jobs().values():
        job(make.now)
    make.run("update reconciliation_days set completed_at = null")  # so that the report has payments to compare
    counts = make.rows("select relname, reltuples::bigint from pg_class where relnamespace = 'public'::regnamespace")
    world.ids["rows"] = dict(counts)
    return world


def _jobs() -> dict[str, Callable[[datetime], dict[str, int]]]:
    jobs = import_module("functions.schedule.jobs")
    return {name: jobs.job(name) for name in jobs.JOBS if name not in FULL_SCAN_JOBS}


@pytest.fixture
def busy(grown: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the world with the busiest customer and chef as callers."""
    [(chef,)] = grown.make.rows(
        "select provider_id from bookings where provider_id is not null group by 1 order by count(*) desc limit 1"
    )
    for person in (Person(copies.regular("customer"), CUSTOMER, copies.regular("address")), Person(chef, CHEF)):
        monkeypatch.setitem(grown.people, person.role, person)
        monkeypatch.setitem(grown.tokens, person.role, grown.token(person.role))
    return grown


def far(world: World, seen: Planned) -> dict[str, str]:
    """Return the scans that read most of a growing table, by plan node."""
    assert seen.reads, "the server told no plan"
    most = {table: max(MOST, rows // SHARE) for table, rows in world.ids["rows"].items()}
    read = [one for one in seen.reads if one.table in GROWS]
    return {one.table: one.by for one in read if one.by.startswith("Seq Scan") or one.rows > most[one.table]}


def ways(world: World, operation: Operation) -> Iterator[dict[str, Any]]:
    """Yield the query parameters of each request: none, and each filter alone with a present and an absent value."""
    yield {}
    for parameter in operation.parameters:
        if parameter["in"] == "query" and not parameter["required"]:
            yield from ({parameter["name"]: value} for value in _values(world, parameter))


def _values(world: World, parameter: dict[str, Any]) -> list[Any]:
    known = {
        "after": [],
        "address_id": [],
        "chef_id": [world.people[CHEF].id],
        "city": ["Mumbai"],
        "cursor": [],
        "customer_id": [world.people[CUSTOMER].id],
        "limit": [100],
        "pincode": ["400050"],
    }
    kinds = branches(parameter["schema"])
    if parameter["name"] in known:
        return known[parameter["name"]]
    if any("enum" in kind for kind in kinds):
        return [value for kind in kinds for value in kind.get("enum", [])]
    formats = {kind.get("format") for kind in kinds}
    if "date" in formats:
        return ["2026-01-15", datetime.now(UTC).date().isoformat()]
    if any(kind.get("type") == "boolean" for kind in kinds):
        return ["true", "false"]
    if any(kind.get("type") == "integer" for kind in kinds):
        return []
    return [new_id()] if "uuid" in formats else ["phonepe", "zzz"]


def test_every_table_is_classified_by_growth():
    assert set(metadata.tables) == GROWS | STAYS_SMALL
    assert not GROWS & STAYS_SMALL


@pytest.mark.parametrize("operation", [one for one in operations() if one.method == "GET" and one.role], ids=str)
def test_no_read_scans_a_growing_table(grown: World, operation: Operation, request: pytest.FixtureRequest):
    """Fails without the index of a list, or of any of its filters."""
    world = grown if "{" in operation.path else request.getfixturevalue("busy")
    found = {}
    for way in ways(world, operation):
        with planned() as seen:
            world.get(operation, **way)
        for table, by in far(world, seen).items():
            if not PERMITTED_SCANS.keys() & {(str(operation), table), (str(operation), table, *way)}:
                found[str(way), table] = by
    assert found == {}


@pytest.fixture
def any_value(grown: World) -> Iterator[None]:
    """Force generic plans, which the server may choose for a prepared statement."""
    for mode in ("force_generic_plan", "auto"):
        log_plans(grown.ids["superuser_url"], plan_cache_mode=mode)
        grown.make.db.dispose()  # the setting applies to new connections
        if mode != "auto":
            yield


BY_NAME = {
    "GET /customer/bookings",
    "GET /customer/bookings/{booking_id}",
    "GET /payments/status/{txn}",
    "POST /customer/bookings",
}


@pytest.mark.usefixtures("any_value")
def test_generic_plans_read_no_more_rows(grown: World):
    for operation in [one for one in operations() if str(one) in BY_NAME]:
        send = change(grown, operation) if operation.method == "POST" else partial(grown.get, operation)
        with planned() as seen:
            send()
        assert (str(operation), far(grown, seen)) == (str(operation), {})


OWN_IDS = {
    "address_id": "addresses",
    "notification_id": "notifications",
    "day_off_id": "provider_days_off",
    "user_id": "users",
    "exception_id": "exceptions",
    "row_id": "reconciliation_rows",
    "task_id": "outbox",
}
# In place of the document's example ids.
SENT: dict[str, Callable[[World], Any]] = {
    "address_id": lambda world: world.people[CUSTOMER].address_id,
    "booking_id": lambda world: world.make.booking(world.people[CUSTOMER], booking_date=world.make.day(41)).id,
    "booking_date": lambda world: world.make.day(42),
    "time_slot": lambda _: "12:00",
    "expected_refund": lambda _: None,
    "expected_total": lambda _: None,
}


def change(world: World, operation: Operation) -> Callable[[], int]:
    """Return a request of the document's example on existing rows; calling it returns the status."""
    ids = {**world.ids, **{name: new_id() for name in ("slot_id", "location_id", "area_id")}}
    for name, table in OWN_IDS.items():
        [(ids[name],)] = world.make.rows(f"select id from {table} order by created_at desc limit 1")
    body = {name: SENT[name](world) if name in SENT else value for name, value in (operation.example or {}).items()}
    headers = {"Authorization": f"Bearer {world.tokens[str(operation.role)]}", "Idempotency-Key": new_id().hex}
    target = getattr(import_module(f"functions.{operation.function}"), operation.function)
    body_options = {"data": json.dumps(body, default=str), "content_type": "application/json"} if body else {}
    path, sender = operation.path.format_map(ids), client(target.app)
    return lambda: int(sender.open(path, method=operation.method, headers=headers, **body_options).status_code)


@pytest.mark.parametrize("operation", [one for one in operations() if one.method != "GET" and one.role], ids=str)
def test_no_change_scans_a_growing_table(grown: World, operation: Operation):
    """Fails when a foreign key to a deleted row has no index, too."""
    send = change(grown, operation)
    with planned() as seen:
        status = send()
    assert status < 500 or status == 503, "of what it needs only the database is there"
    assert far(grown, seen) == {}


def test_no_job_scans_a_growing_table(grown: World):
    for name, job in _jobs().items():
        with planned() as seen:
            job(datetime.now(UTC))
        assert (name, far(grown, seen)) == (name, {})


def test_no_outbox_handler_scans_a_growing_table(grown: World):
    from functions.tasks.handlers import HANDLERS, handler

    of_lines = {f"{name}.{verb}" for name in wiring.line_names() for verb in wiring.line(name).task_handlers}
    newest = "select distinct on (kind) kind, payload from outbox order by kind, created_at desc"
    for kind, payload in grown.make.rows(newest):
        if kind in HANDLERS.keys() | of_lines:
            with planned() as seen, suppress(GatewayUnavailable):
                handler(kind)(payload, datetime.now(UTC))
            assert far(grown, seen) == {}


def test_signing_in_scans_no_growing_table(grown: World):
    grown.token(CUSTOMER)
    [(family,)] = grown.make.rows("select id from sessions order by created_at desc limit 1")
    with planned() as seen:
        grown.token(CUSTOMER)
        with grown.make.db.transaction() as session:
            sessions.rotate(session, RefreshToken(family, 0), LIFETIMES, grown.make.now)
            sessions.end_all(session, grown.people[CHEF].id, "test", grown.make.now)
    assert far(grown, seen) == {}
