"""A line with appointments in one folder, through its functions: offers, reassignment, payment, cancellation,
completion."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest

from shared.appointments.providers import registration, week
from shared.appointments.providers.schemas import SlotRequest
from shared.invariants.run import breaches
from shared.kit.clock import INDIA, local
from shared.kit.schemas import Body
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.users.models import ADMIN, CUSTOMER
from tests.database.in_process import functions_on
from tests.framework import client
from tests.mail_server import MailServer
from tests.make import Make

LIVES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# In the order of their offers for a maths lesson: the most experienced first, then the cheaper.
TUTORS = {
    "dear": {"rate": 900, "experience_years": 12, "specialties": ["maths"]},
    "fair": {"rate": 500, "experience_years": 5, "specialties": ["maths", "physics"]},
    "late": {"rate": 600, "experience_years": 5, "specialties": ["maths"]},
    "other": {"rate": 300, "experience_years": 30, "specialties": ["music"]},
}


class Verified(Body):
    is_verified: bool = True


class World:
    """The functions in this process with both lines; gateway stand-in and mailbox are servers."""

    def __init__(self, db, phonepe, mails, wiring):
        self.db, self.phonepe, self.mails, self.wiring = db, phonepe, mails, wiring
        self.make = Make(db, datetime.now(UTC))
        self.customer, boss = self.make.customer(), self.make.admin()
        self.people = {CUSTOMER: self.customer.id, ADMIN: boss.id}
        self.people |= {name: self.register(name, boss) for name in TUTORS}
        self.chef = self.people["chef"] = self.make.chef(rate=100_00, specialties=["maths"], experience_years=60).id

    def register(self, name, by):
        """Register a tutor as an admin, verify them and set their week."""
        body = {
            "email": f"{name}@test.example",
            "name": f"{name.title()} Tutor",
            "service_city": "Mumbai",
            **TUTORS[name],
        }
        made = self.call("tutoring", "POST", "/tutoring/tutors", body, 201, person=ADMIN)
        from tests.lines.tutoring.line import LINE

        slots = [SlotRequest(day_of_week=day, start_time="00:00", end_time="24:00") for day in DAYS]
        [(tutor_id,)] = self.make.rows("select id from users where email = :email", email=body["email"])
        assert str(tutor_id) == made["id"]
        with self.db.transaction() as session:
            registration.change(session, LINE, tutor_id, Verified(is_verified=True), by, self.make.now)
            week.replace(session, tutor_id, slots, self.make.now)
        return tutor_id

    def token(self, person):
        now = datetime.now(UTC)
        [(email,)] = self.make.rows("select email from users where id = :id", id=self.people[person])
        with self.db.transaction() as session:
            begun = sessions.begin(session, email, LIVES, now)
        return self.wiring.access_tokens().issue(begun.user_id, begun.session_id, begun.role, now)

    def call(self, function, method, path, body=None, status=200, person=CUSTOMER):
        module = "tests.lines.tutoring.functions" if function == "tutoring" else f"functions.{function}"
        app = getattr(import_module(module), function).app
        headers = {"Authorization": f"Bearer {self.token(person)}"}
        prefix = "" if path.startswith("/outbox") else "/api/v1"
        answer = client(app).open(prefix + path, method=method, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json

    def work(self):
        """Handle the messages of the outbox as Cloud Tasks brings them."""
        due = "select id from outbox where done_at is null and due_at <= now() order by created_at"
        for _ in range(3):
            for (message,) in self.make.rows(due):
                self.call("tasks", "POST", f"/outbox/{message}")

    def book(self, hours=26, **overrides):
        """Book a lesson that begins in that many hours, on a half hour."""
        starts = local(datetime.now(UTC) + timedelta(hours=hours), INDIA)
        slot = {"booking_date": starts.date().isoformat(), "time_slot": f"{starts:%H}:{starts.minute // 30 * 30:02d}"}
        body = {**slot, "address_id": str(self.customer.address_id), "subject": "maths", **overrides}
        return self.call("tutoring", "POST", "/tutoring/lessons", body, 201)

    def step(self, lesson, tutor, status, answered=200):
        return self.call("tutoring", "PUT", f"{path(lesson)}/status", {"status": status}, answered, person=tutor)

    def pay(self, lesson):
        page = self.call("payments", "POST", "/payments/initiate", {"booking_id": lesson["id"]})
        self.phonepe.pay_page(page["payment_url"], "pay")
        return self.call("payments", "GET", f"/payments/status/{page['merchant_txn_id']}")

    def offers(self, lesson):
        """Return the tutors and outcomes of a lesson's offers, oldest first, from the admin's view."""
        detail = self.call("admin", "GET", f"/admin/bookings/{lesson['id']}", person=ADMIN)
        names = {str(person): name for name, person in self.people.items()}
        return [(names[offer["provider_id"]], offer["state"]) for offer in detail["offers"]]

    def letters(self, person):
        [(email,)] = self.make.rows("select email from users where id = :id", id=self.people[person])
        return [(mail.subject.rpartition(": ")[0], mail.text) for mail in self.mails.mails(email)]


def path(lesson):
    return f"/tutoring/lessons/{lesson['id']}"


@pytest.fixture
def world(db, phonepe):
    with functions_on(db) as patch, MailServer() as mails:
        from functions import wiring

        expected = {
            "LINES": "home_chef,tests.lines.tutoring",
            "SMTP_URL": mails.smtp_url,
            "PHONEPE_API": "v1",
            "PHONEPE_BASE_URL": phonepe.url,
            "PHONEPE_MERCHANT_ID": "TESTMERCHANT",
            "PHONEPE_SALT_KEYS": "1:test-salt",
        }
        for name, value in expected.items():
            patch.setenv(name, value)
        patch.setattr(wiring, "invokers", lambda *_: SimpleNamespace(verify=lambda _: None))
        world = World(db, phonepe, mails, wiring)
        yield world
        with db.reading() as session:
            assert breaches(session, wiring.invariants(), datetime.now(UTC)) == []


def test_declined_lesson_is_reassigned_and_cancelled_by_tier(world):
    lesson = world.book()
    assert (lesson["line"], lesson["ref"][:3], lesson["total"]) == ("tutoring", "TU-", 1062.0)
    assert (lesson["provider_name"], lesson["details"]) == ("Dear Tutor", {"subject": "maths"})
    assert world.offers(lesson) == [("dear", "open")]

    declined = world.step(lesson, "dear", "declined")
    assert (declined["customer_name"], declined["address"]["full_address"]) == ("Meera", None)
    assert world.offers(lesson) == [("dear", "declined"), ("fair", "open")]
    accepted = world.step(lesson, "fair", "confirmed")
    assert (accepted["status"], accepted["address"]["full_address"]) == ("confirmed", "12 Hill Road")
    assert accepted["earning"] == 720.0  # the price remains the first tutor's

    assert world.pay(lesson)["payment_status"] == "success"
    assert world.call("tutoring", "GET", f"{path(lesson)}/cancellation")["refund"] == 265.5  # a quarter
    body = {"reason": "plans changed", "expected_refund": 265.5}
    cancelled = world.call("tutoring", "POST", f"{path(lesson)}/cancel", body)
    assert (cancelled["status"], cancelled["provider_name"]) == ("cancelled", "Fair Tutor")
    assert world.make.rows("select amount from refunds") == [(265_50,)]
    assert world.call("tutoring", "GET", "/tutoring/earnings", person="fair")["kept"] == 540.0  # of the retained amount

    world.work()
    subjects = [subject for subject, _ in world.letters(CUSTOMER)]
    assert "Cancelled" in subjects
    assert "Please pay for your appointment" not in subjects  # outdated, so not mailed
    texts = [text for person in (CUSTOMER, "dear", "fair") for _, text in world.letters(person)]
    assert texts
    assert all("Homework" in text and "Sizzle" not in text for text in texts)


def test_completed_lesson_is_invoiced_in_own_series(world):
    lesson = world.book(hours=60, provider_id=str(world.people["late"]))
    assert world.offers(lesson) == [("late", "open")]
    world.work()
    assert [subject for subject, _ in world.letters(CUSTOMER)] == ["Please pay for your appointment"]
    assert [subject for subject, _ in world.letters("late")] == ["Please answer"]
    world.step(lesson, "late", "confirmed")
    world.pay(lesson)
    world.step(lesson, "late", "in_progress")
    assert world.step(lesson, "late", "completed")["status"] == "completed"

    invoice = world.call("customer", "GET", f"/customer/bookings/{lesson['id']}/invoice")
    assert (invoice["number"][:3], invoice["number"][-7:]) == ("TU/", "/000001")
    assert (invoice["supplier"]["name"], invoice["taxable"], invoice["total"]) == ("Homework", 600.0, 708.0)
    earnings = world.call("tutoring", "GET", "/tutoring/earnings", person="late")
    assert (earnings["earned"], [each["ref"] for each in earnings["items"]]) == (480.0, [lesson["ref"]])
    world.work()
    assert "Thank you" in [subject for subject, _ in world.letters(CUSTOMER)]
    assert all("Homework" in text for _, text in world.letters("late"))


def test_other_lines_paths_do_not_find_a_lesson(world):
    """Fails when a booking is found by its customer alone: another line's policy would decide its refund."""
    lesson = world.book()
    visit = world.make.booking(world.customer)
    unknown = {
        "customer": f"/customer/bookings/{lesson['id']}",
        "tutoring": f"/tutoring/lessons/{visit.id}",
    }
    for function, booking in unknown.items():
        world.call(function, "GET", f"{booking}/cancellation", status=404)
        world.call(function, "POST", f"{booking}/cancel", {"reason": "plans changed"}, 404)
    assert world.make.rows("select distinct status from bookings") == [("pending",)]


def test_tutors_and_chefs_are_separate(world):
    """The chef is cheaper, more experienced and qualified; the best other tutor teaches no maths."""
    tutors = world.call("tutoring", "GET", "/tutoring/tutors", person=ADMIN)["items"]
    chefs = world.call("admin", "GET", "/admin/chefs", person=ADMIN)["items"]
    assert {each["id"] for each in tutors} == {str(world.people[name]) for name in TUTORS}
    assert [each["id"] for each in chefs] == [str(world.chef)]
    roles = dict(world.make.rows("select id, role from users"))
    assert {roles[world.people[name]] for name in TUTORS} == {"tutor"}

    lesson = world.book()
    for tutor in ("dear", "fair", "late"):
        world.step(lesson, tutor, "declined")
    assert [name for name, _ in world.offers(lesson)] == ["dear", "fair", "late"]
    assert world.call("tutoring", "GET", path(lesson))["status"] == "cancelled"
    world.step(lesson, "chef", "confirmed", 403)

    visit = world.make.booking(world.customer)
    assert visit.chef_id == world.chef
    world.call("tutoring", "GET", f"/tutoring/lessons/{visit.id}", None, 404)
