"""The functions that only the platform calls authenticate the caller before anything else."""

from uuid import uuid4

import pytest

from tests.system import System, eventually

UNKNOWN_ID = "5f2c1f6e-6a0c-4d1e-9a51-7f0c7b1d2e30"
PATHS = {"tasks": f"/outbox/{UNKNOWN_ID}", "schedule": "/jobs/sweep", "migrate": "/migrations/upgrade"}
FUNCTIONS = pytest.mark.parametrize("function", PATHS)


def names(function: str) -> tuple[str, str]:
    return f"{function.upper()}_URL", f"{function.upper()}_INVOKER"


def platform(system: System, function: str) -> dict[str, str]:
    audience, invoker = (system.env[name] for name in names(function))
    return system.identity(audience, invoker)


def refused(system: System, function: str, headers: dict[str, str]) -> None:
    answer = system.call(function, "POST", PATHS[function], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_invoker")


@FUNCTIONS
def test_the_platform_is_let_in(system: System, function: str):
    assert system.call(function, "POST", PATHS[function], headers=platform(system, function)).status_code == 200


@FUNCTIONS
def test_requests_without_a_platform_token_are_refused(system: System, function: str):
    refused(system, function, {})
    refused(system, function, {"Authorization": "Bearer x"})
    refused(system, function, {"Authorization": f"Bearer {system.demo('admin').tokens['access_token']}"})


@FUNCTIONS
def test_a_token_for_another_audience_or_of_another_account_is_refused(system: System, function: str):
    audience, invoker = (system.env[name] for name in names(function))
    refused(system, function, system.identity(system.url, invoker))
    refused(system, function, system.identity(audience + "/", invoker))
    refused(system, function, system.identity(audience, "somebody@local.iam.gserviceaccount.com"))


@FUNCTIONS
def test_a_token_changed_by_a_letter_is_refused(system: System, function: str):
    head, _, signature = platform(system, function)["Authorization"].rpartition(".")
    changed = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(system, function, {"Authorization": f"{head}.{changed}"})


@FUNCTIONS
def test_the_router_does_not_lead_there(system: System, function: str):
    answer = system.http.post(system.url + PATHS[function], headers=platform(system, function), timeout=10)
    assert answer.status_code == 404


def test_an_unknown_job_is_not_found_but_only_the_platform_learns_that(system: System):
    answer = system.call("schedule", "POST", "/jobs/nonsense", headers=platform(system, "schedule"))
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert system.call("schedule", "POST", "/jobs/nonsense").status_code == 401


@pytest.mark.parametrize("job", ["sweep", "expire", "reconcile", "purge"])
def test_a_job_returns_its_counts(system: System, job: str):
    answer = system.call("schedule", "POST", f"/jobs/{job}", headers=platform(system, "schedule")).json()
    assert answer["job"] == job
    assert all(isinstance(count, int) for count in answer["did"].values())


def test_migrating_again_changes_nothing(system: System):
    answer = system.call("migrate", "POST", PATHS["migrate"], headers=platform(system, "migrate")).json()
    assert answer["before"] == answer["after"] is not None


def test_an_unknown_message_is_acknowledged(system: System):
    answer = system.call("tasks", "POST", f"/outbox/{uuid4()}", headers=platform(system, "tasks"))
    assert (answer.status_code, answer.json()) == (200, {"status": "done"})


def test_a_message_id_that_is_none_is_refused(system: System):
    assert system.call("tasks", "POST", "/outbox/x", headers=platform(system, "tasks")).status_code == 422


def message(system: System, kind: str, payload: str = "{}", leased: str | None = None) -> str:
    """Store an outbox message that is not due for the sweep."""
    row = system.sql(
        "insert into outbox (id, kind, payload, created_at, due_at, next_try_at, leased_until) values"
        " (gen_random_uuid(), :kind, cast(:payload as jsonb), now(), now(), now() + interval '1 day',"
        " now() + cast(:leased as interval)) returning id",
        kind=kind,
        payload=payload,
        leased=leased,
    )
    return str(row[0][0])


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("notifications.mail", f'{{"notification_id": "{UNKNOWN_ID}"}}'),
        ("payments.refund", f'{{"refund_id": "{UNKNOWN_ID}"}}'),
        ("payments.callback", "{}"),
        ("nobody.knows", "{}"),
    ],
)
def test_a_handler_that_fails_answers_500_and_is_brought_again(system: System, kind: str, payload: str):
    """429 and 503 would slow the whole queue down."""
    known = message(system, kind, payload)
    for tries in (1, 2):
        answer = system.call("tasks", "POST", f"/outbox/{known}", headers=platform(system, "tasks"))
        assert (answer.status_code, answer.json()["code"]) == (500, "not_done")
        row = system.sql("select failures, leased_until, done_at from outbox where id = :id", id=known)
        assert row == [[tries, None, None]]


def test_a_message_another_worker_holds_is_brought_again_and_not_touched(system: System):
    held = message(system, "nobody.knows", leased="1 minute")
    answer = system.call("tasks", "POST", f"/outbox/{held}", headers=platform(system, "tasks"))
    assert answer.status_code == 500
    assert system.sql("select failures from outbox where id = :id", id=held) == [[0]]


def test_a_message_is_handled_once_however_often_it_comes(system: System):
    client = system.sign_in()
    client.pay(client.book()["id"])
    confirmed = eventually(lambda: [mail for mail in system.mails(client.email) if "Confirmed" in mail["subject"]])
    assert len(confirmed) == 1
    mailed = (
        "select o.id from outbox o join notifications n on n.id = cast(o.payload->>'notification_id' as uuid)"
        " join users u on u.id = n.user_id where u.email = :email and n.kind = 'confirmed' and o.done_at is not null"
    )
    [[done]] = eventually(lambda: system.sql(mailed, email=client.email))
    for _ in range(2):
        assert system.call("tasks", "POST", f"/outbox/{done}", headers=platform(system, "tasks")).status_code == 200
    assert len([mail for mail in system.mails(client.email) if "Confirmed" in mail["subject"]]) == 1
