"""LINES selects a deployment's lines of business; each test's deployment is its own process."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.web.api_document import merged
from infra.local.dev import lines_of
from infra.local.functions import default_lines
from shared.bookings import queries as bookings
from shared.bookings.lifecycle import Status
from shared.bookings.transitions import StatusChangeNotAllowed
from shared.kit.ids import new_id
from shared.kit.settings import SettingsError
from shared.payments.neutral_line import RetiredLine
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.sign_in.tokens import AccessTokens
from tests.architecture.probe import placeholders
from tests.framework import placeholder_settings

ROOT = Path(__file__).parents[2]
CHEFS, QUOTES, ERRAND = "/api/v1/customer/chefs", "/api/v1/customer/quotes", "/api/v1/errand/bookings"
# Prints a deployment's answers, handlers, jobs, mails, invariants and API document.
PRINT_DEPLOYMENT = """
import importlib, json, sys
from datetime import UTC, datetime
requests, tokens = json.loads(sys.argv[1]), json.loads(sys.argv[2])
from functions import wiring
from functions.tasks import handlers
from shared.notifications.notice import Notice, Reader
from shared.kit.ids import new_id
from tests.framework import client

def answer(function, method, path):
    named = "tests.lines.errand.errand" if function == "errand" else f"functions.{function}"
    app = getattr(importlib.import_module(named), function).app
    headers = {"Authorization": f"Bearer {tokens['admin' if function == 'admin' else 'customer']}"} if tokens else {}
    response = client(app).open(path, method=method, headers=headers)
    return [response.status_code, response.json]

def handles(kind):
    try:
        return bool(handlers.handler(kind))
    except KeyError:
        return False

def ran():
    from functions.schedule import bookings
    return sorted(bookings.deadlines(datetime.now(UTC))) if tokens else []

facts = {"booking_id": str(new_id()), "ref": "SZ-1", "total": 100}
print(json.dumps({
    "lines": wiring.line_names(),
    "answers": [answer(*each) for each in requests],
    "handles": handles("home_chef.lapse"),
    "rules": ran(),
    "brands": {name: wiring.line(name).brand.name for name in ("home_chef", "errand")},
    "letter": wiring.line("home_chef").letter(Notice("provider_assigned", new_id(), facts), Reader()).subject
      if "home_chef" not in wiring.line_names() else None,
    "invariants": sorted(wiring.invariants()),
    "tables": sorted(wiring.line("errand").models),
}))
"""


def started(lines, *arguments, code=PRINT_DEPLOYMENT, **environ):
    env = os.environ | placeholders() | environ
    env.pop("LINES", None)
    env |= {"LINES": lines} if lines else {}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def deployment(lines, *requests, tokens=None, **environ):
    ran = started(lines, json.dumps(requests), json.dumps(tokens), **environ)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


ALL_PATHS = [("customer", "GET", CHEFS), ("customer", "POST", QUOTES), ("errand", "POST", ERRAND)]
DOCUMENT = ("docs", "GET", "/api/v1/openapi.json")


def test_two_lines_are_served_side_by_side():
    printed = deployment("home_chef,tests.lines.errand", *ALL_PATHS, DOCUMENT)
    assert printed["lines"] == ["home_chef", "errand"]
    assert [status for status, _ in printed["answers"]] == [401, 401, 401, 200]
    assert printed["brands"] == {"home_chef": "Sizzle", "errand": "Dash"}
    assert {"visits_are_complete", "errands_cost_their_distance"} <= set(printed["invariants"])
    assert printed["handles"]


@pytest.mark.parametrize("lines", ["home_chef", "all"])
def test_deployment_excludes_unlisted_line(lines):
    printed = deployment(lines, *ALL_PATHS, DOCUMENT)
    assert printed["lines"] == ["home_chef"]
    assert [status for status, _ in printed["answers"]] == [401, 401, 404, 200]
    assert printed["brands"] == {"home_chef": "Sizzle", "errand": "Bookings"}
    assert "visits_are_complete" in printed["invariants"]
    assert "errands_cost_their_distance" not in printed["invariants"]
    assert CHEFS in printed["answers"][3][1]["paths"]


@pytest.mark.parametrize(
    ("function", "lines"),
    [
        ("customer", "home_chef,bakery"),
        ("admin", "tests.lines.nowhere"),
        ("payments", "nowhere.at.all"),
        ("tasks", "bakery"),
        ("schedule", "home_chef,home_cheff"),
        ("admin", ".home_chef"),
        ("chef", ".."),
        ("docs", "home_chef,bakery"),
        ("docs", "ALL"),
    ],
)
def test_unknown_line_prevents_start(function, lines):
    ran = started(lines, code=f"import functions.{function}")
    assert ran.returncode != 0
    assert f"SettingsError: LINES names no line: {lines.rpartition(',')[2]}" in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("lines", [",", "home_chef,home_chef", "shared.lines.home_chef,home_chef"])
def test_no_line_or_one_twice_prevents_start(lines):
    ran = started(lines, code="import functions.customer")
    assert ran.returncode != 0
    assert "SettingsError: LINES names" in ran.stderr.splitlines()[-1]


def test_manifest_with_another_name_is_refused(monkeypatch):
    from functions import wiring

    with placeholder_settings(LINES="tests.lines.errand"):
        monkeypatch.setattr(wiring.line("errand"), "name", "parcel", raising=False)
        wiring.line.cache_clear()
        with pytest.raises(SettingsError, match="named parcel"):
            wiring.line("errand")


def test_one_lines_failing_job_does_not_stop_the_others(monkeypatch):
    from functions import wiring

    with placeholder_settings():
        from functions.schedule import bookings as jobs

    class Failing:
        def remind(self, *_):
            raise RuntimeError("out of order")

    class Working:
        def remind(self, *_):
            reminded.append("tomorrow")
            return {"tomorrow": 1}

    reminded = []
    monkeypatch.setattr(wiring, "line_names", lambda: ["first", "second"])
    monkeypatch.setattr(wiring, "line", {"first": Failing(), "second": Working()}.__getitem__)
    monkeypatch.setattr(wiring, "database", lambda: None)
    with pytest.raises(ExceptionGroup):
        jobs.remind(datetime.now(UTC))
    assert reminded == ["tomorrow"]


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.CANCELLED])
def test_switched_off_line_decides_nothing_of_a_booking(make, gateway, phonepe, db, now, status):
    booking, _ = make.paid(gateway, phonepe)
    retired = RetiredLine("home_chef")
    with pytest.raises(StatusChangeNotAllowed) as refused:
        retired.change_status(make.begin_as_actor(new_id(), "admin"), booking.id, status, "why", now)
    assert refused.value.members["current"] == "confirmed"
    with db.transaction() as session, pytest.raises(StatusChangeNotAllowed):
        retired.on_unpaid(session, bookings.locked(session, booking.id), "overdue", now)
    assert make.stored(booking.id).status == "confirmed"


def booked_before(make, gateway, phonepe):
    """Complete a visit; returns it with its customer's and an admin's tokens."""
    customer = make.customer()
    booking, _ = make.paid(gateway, phonepe, customer)
    make.step(booking, "confirmed", "in_progress", "completed")
    make.run("insert into users (id, email, role) values (:id, 'boss@test.example', 'admin')", id=new_id())
    return booking, {"customer": token(make, "customer1@test.example"), "admin": token(make, "boss@test.example")}


def token(make, email):
    from shared.kit.settings import Keys

    now, lives = datetime.now(UTC), Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
    with make.db.transaction() as session:
        begun = sessions.begin(session, email, lives, now)
    keys = Keys.parse(placeholders()["JWT_KEYS"])
    return AccessTokens(keys, "bookings", "bookings-api", 3600).issue(begun.user_id, begun.session_id, begun.role, now)


def test_switched_off_line_keeps_finished_bookings_readable(make, gateway, phonepe, database_url):
    booking, tokens = booked_before(make, gateway, phonepe)
    requests = [
        *ALL_PATHS,
        ("chef", "GET", "/api/v1/chef/bookings"),
        ("admin", "GET", "/api/v1/admin/chefs"),
        ("customer", "GET", f"/api/v1/customer/bookings/{booking.id}"),
        DOCUMENT,
        ("customer", "GET", "/api/v1/customer/bookings"),
        ("customer", "GET", f"/api/v1/customer/bookings/{booking.id}/invoice"),
        ("customer", "GET", "/api/v1/customer/notifications"),
        ("admin", "GET", "/api/v1/admin/bookings"),
        ("admin", "GET", f"/api/v1/admin/bookings/{booking.id}"),
    ]
    printed = deployment("tests.lines.errand", *requests, tokens=tokens, DATABASE_URL=database_url)
    answers = printed["answers"]
    assert [status for status, _ in answers] == [404, 404, 422, 404, 404, 404, *[200] * 6]
    document = answers[6][1]
    assert {CHEFS, QUOTES, "/api/v1/chef/bookings", "/api/v1/admin/chefs"}.isdisjoint(document["paths"])
    assert "/api/v1/customer/addresses" in document["paths"]
    [listed] = answers[7][1]["items"]
    assert (listed["id"], listed["line"], listed["status"]) == (str(booking.id), "home_chef", "completed")
    assert answers[8][1]["number"].startswith("SZ/")
    assert answers[9][1]["items"]

    assert printed["lines"] == ["errand"]
    assert not printed["handles"]
    assert printed["rules"] == []
    assert printed["letter"] == "About your booking SZ-1"
    assert printed["brands"]["home_chef"] == "Bookings"
    assert {"visits_are_complete", "open_offers_expire_in_time"}.isdisjoint(printed["invariants"])

    (_, listed), (_, detail) = answers[10:]
    assert [each["id"] for each in listed["items"]] == [str(booking.id)]
    assert (detail["ref"], detail["visit"]) == (booking.ref, None)
    assert detail["breakdown"]["total"] == detail["total"]


@pytest.mark.parametrize("lines", [["home_chef"], ["shared.lines.home_chef"], ["all"]])
def test_document_has_the_paths_of_a_line_however_it_is_named(lines):
    assert CHEFS in merged(ROOT / "functions/docs/openapi", lines)["paths"]
    assert CHEFS not in merged(ROOT / "functions/docs/openapi", ["tests.lines.errand"])["paths"]


@pytest.mark.parametrize(
    ("given", "lines"),
    [(" home_chef , tests.lines.errand,", ("home_chef", "tests.lines.errand")), (",", ()), (" 24 ", ()), ("", ())],
)
def test_local_system_reads_lines_as_its_functions_do(given, lines):
    assert lines_of({"LINES": given}) == (lines or default_lines())
