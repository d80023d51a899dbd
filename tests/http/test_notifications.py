"""Notifications in the app and by mail; an outdated one is not mailed."""

import json
from datetime import UTC, datetime

import pytest

from tests.system import eventually


@pytest.fixture(scope="module")
def guest(system):
    return system.sign_in()


@pytest.fixture(scope="module", autouse=True)
def visit(guest):
    """A visit that is paid and that its chef has accepted."""
    booking = guest.book()
    guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    return booking


def chef_of(system, visit):
    name = "asha" if "Asha" in visit["chef_name"] else "ravi"
    return system.demo(name)


def test_a_customer_reads_in_the_app_what_the_mail_says(system, guest, visit):
    page = guest.get("/customer/notifications")
    assert page.status_code == 200, page.text
    [notification] = [item for item in page.json()["items"] if item["kind"] == "confirmed"]
    assert (notification["booking_id"], notification["ref"], notification["read_at"]) == (
        visit["id"],
        visit["ref"],
        None,
    )
    [mail] = eventually(
        lambda: [mail for mail in system.mails(guest.email) if mail["subject"] == notification["title"]]
    )
    assert notification["text"] in mail["text"].replace("\n\n", " ")


def test_reading_it_counts_once_and_lowers_the_count(system, guest):
    before = guest.get("/customer/notifications?unread=true").json()
    assert before["unread_count"] == len(before["items"]) > 0
    path = f"/customer/notifications/{before['items'][0]['id']}/read"
    assert system.sign_in().put(path).status_code == 404
    first, again = guest.put(path), guest.put(path)
    assert first.status_code == 200, first.text
    assert first.json()["read_at"]
    assert again.json() == first.json()
    after = guest.get("/customer/notifications?unread=true").json()
    assert after["unread_count"] == before["unread_count"] - 1
    assert first.json()["id"] not in {item["id"] for item in after["items"]}


def test_a_chef_has_their_own(system, guest, visit):
    chef = chef_of(system, visit)
    items = chef.get("/chef/notifications?limit=100").json()["items"]
    notification = next(item for item in items if item["booking_id"] == visit["id"])
    assert notification["kind"] == "visit_to_answer"
    assert "Please accept or decline it in the app by" in notification["text"]
    assert chef.put(f"/chef/notifications/{notification['id']}/read").json()["read_at"]
    assert chef.get("/customer/notifications").status_code == 403
    assert guest.put(f"/customer/notifications/{notification['id']}/read").status_code == 404


def test_a_chefs_earnings_name_the_visits_they_come_from(system, visit):
    chef = chef_of(system, visit)
    before = chef.get("/chef/earnings").json()
    for status in ("confirmed", "in_progress", "completed"):
        assert chef.put(f"/chef/bookings/{visit['id']}/status", {"status": status}).status_code == 200
    today = chef.get("/chef/earnings").json()
    subtotal = visit["breakdown"]["subtotal"]
    for name in ("earned", "total", "owed"):
        assert round(today[name] - before[name], 2) == subtotal
    [item] = [item for item in today["items"] if item["ref"] == visit["ref"]]
    assert (item["amount"], item["kind"], item["booking_date"]) == (subtotal, "completed", visit["booking_date"])
    wrong = chef.get("/chef/earnings?from=2026-02-01&to=2026-01-01")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "query.from")


def enqueue_mail(system, visit, guest, kind):
    """Store an outbox message that mails this kind of notification for a visit; return the mails received."""
    [[facts, customer]] = system.sql(
        "select facts, user_id from notifications where subject_id = :id and kind = 'confirmed'", id=visit["id"]
    )
    [[notification_id]] = system.sql(
        "insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at)"
        " values (gen_random_uuid(), :user, 'home_chef', :kind, :booking, :dedupe, cast(:facts as jsonb), :now)"
        " returning cast(id as text)",
        user=customer,
        kind=kind,
        dedupe=f"{kind}:{visit['id']}:late",
        booking=visit["id"],
        facts=json.dumps(facts),
        now=datetime.now(UTC),
    )
    [[message]] = system.sql(
        "insert into outbox (id, kind, payload, created_at, due_at, next_try_at) values"
        " (gen_random_uuid(), 'notifications.mail', cast(:payload as jsonb), :now, :now, :now) returning id",
        payload=json.dumps({"notification_id": notification_id}),
        now=datetime.now(UTC),
    )
    system.run_job("sweep")
    eventually(lambda: system.sql("select done_at from outbox where id = :id", id=message)[0][0])
    return [mail["subject"] for mail in system.mails(guest.email) if mail["subject"].startswith("Coming up")]


def test_a_reminder_that_waited_is_mailed_unless_the_visit_was_cancelled_meanwhile(system):
    """Fails when the mail's handler does not check for staleness: the second reminder arrives too."""
    guest = system.sign_in()
    for cancelled, mails in ((False, 1), (True, 1)):
        visit = guest.book()
        guest.pay(visit["id"])
        eventually(lambda visit=visit: guest.booking(visit["id"])["status"] == "confirmed")
        if cancelled:
            assert guest.post(f"/customer/bookings/{visit['id']}/cancel", {"reason": "plans"}).status_code == 200
        assert len(enqueue_mail(system, visit, guest, "reminder_day")) == mails
    in_app = [item["kind"] for item in guest.get("/customer/notifications").json()["items"]]
    assert in_app.count("reminder_day") == 2


@pytest.mark.breaks_invariants("a row is changed by a statement")
def test_the_clock_reminds_of_a_visit_that_begins_soon(system):
    guest = system.sign_in()
    visit = guest.book()
    guest.pay(visit["id"])
    eventually(lambda: guest.booking(visit["id"])["status"] == "confirmed")
    system.sql(
        "update bookings set busy_period = tstzrange(now() + interval '1 hour', now() + interval '90 min'), provider_id = null, acceptance = 'unassigned'"
        " where id = :id",
        id=visit["id"],
    )
    system.sql(
        "update appointments set starts_at = now() + interval '1 hour', ends_at = now() + interval '80 min' where booking_id = :id",
        id=visit["id"],
    )
    system.run_job("remind")
    kinds = [item["kind"] for item in guest.get("/customer/notifications").json()["items"]]
    assert kinds.count("reminder_hours") == 1
