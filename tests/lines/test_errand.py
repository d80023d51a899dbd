"""A line of business in one folder outside the product, from price to invoice, through the functions."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from shared.invariants.run import breaches
from shared.kit.ids import new_id
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.users.models import ADMIN, CUSTOMER
from tests.database.in_process import functions_on
from tests.framework import client
from tests.lines.errand.tables import TABLE
from tests.mail_server import MailServer
from tests.postgres_server import plain_connection

LINES = "home_chef,tests.lines.errand"
LIVES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
EMAIL = "asha@test.example"


class World:
    """The functions in this process with both lines; gateway stand-in and mailbox are servers."""

    def __init__(self, db, phonepe, mails, wiring):
        self.db, self.phonepe, self.mails, self.wiring = db, phonepe, mails, wiring
        with db.transaction() as session:
            boss = {"id": new_id(), "email": "boss@test.example"}
            session.execute(text("insert into users (id, email, role) values (:id, :email, 'admin')"), boss)
        self.tokens = {CUSTOMER: self.token(EMAIL), ADMIN: self.token("boss@test.example")}

    def token(self, email):
        now = datetime.now(UTC)
        with self.db.transaction() as session:
            begun = sessions.begin(session, email, LIVES, now)
        return self.wiring.access_tokens().issue(begun.user_id, begun.session_id, begun.role, now)

    def call(self, function, method, path, body=None, status=200, role=CUSTOMER, **headers):
        module = "tests.lines.errand.errand" if function == "errand" else f"functions.{function}"
        app = getattr(import_module(module), function).app
        headers = {"Authorization": f"Bearer {self.tokens[role]}", **headers}
        answer = client(app).open(path, method=method, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json

    def rows(self, statement, **values):
        with self.db.reading() as session:
            return [tuple(row) for row in session.execute(text(statement), values)]

    def work(self):
        """Handle the messages of the outbox as Cloud Tasks brings them."""
        for _ in range(5):
            for (message,) in self.rows(
                "select id from outbox where done_at is null and due_at <= now() order by created_at"
            ):
                self.call("tasks", "POST", f"/outbox/{message}")

    def book(self, due_in=timedelta(hours=30), distance_km=4):
        body = booking_body(due_in, distance_km)
        return self.call("errand", "POST", "/api/v1/errand/bookings", body, 201)

    def pay(self, booking):
        body = {"booking_id": booking["id"]}
        page = self.call("payments", "POST", "/api/v1/payments/initiate", body)
        self.phonepe.pay_page(page["payment_url"], "pay")
        return self.call("payments", "GET", f"/api/v1/payments/status/{page['merchant_txn_id']}")

    def set_status(self, booking, status, answered=200):
        body = {"status": status, "reason": "done by hand"}
        return self.call("admin", "PUT", f"/api/v1/admin/bookings/{booking['id']}", body, answered, role=ADMIN)

    def subjects(self):
        return [mail.subject for mail in self.mails.mails(EMAIL)]


def booking_body(due_in=timedelta(hours=30), distance_km=4):
    due_at = (datetime.now(UTC) + due_in).isoformat()
    errand = {"task": "Fetch a parcel", "place": "12 Hill Road", "city": "Mumbai", "due_at": due_at}
    return {**errand, "distance_km": distance_km}


@pytest.fixture
def world(db, database_url, phonepe):
    with closing(plain_connection(database_url)) as connection:
        connection.run(TABLE)
    with functions_on(db) as patch, MailServer() as mails:
        from functions import wiring

        expected = {
            "LINES": LINES,
            "SMTP_URL": mails.smtp_url,
            "PHONEPE_API": "v1",
            "PHONEPE_BASE_URL": phonepe.url,
            "PHONEPE_MERCHANT_ID": "TESTMERCHANT",
            "PHONEPE_SALT_KEYS": "1:test-salt",
        }
        for name, value in expected.items():
            patch.setenv(name, value)
        patch.setattr(wiring, "invokers", lambda *_: SimpleNamespace(verify=lambda _: None))
        yield World(db, phonepe, mails, wiring)


def test_errand_is_priced_booked_paid_completed_invoiced(world):
    quote = world.call("errand", "POST", "/api/v1/errand/quotes", booking_body())
    assert quote == {"breakdown": {"base": 99.0, "distance": 100.0, "gst": 35.82}, "total": 234.82}

    booking = world.book()
    assert (booking["line"], booking["ref"][:3], booking["total"]) == ("errand", "ER-", 234.82)
    world.set_status(booking, "confirmed")
    assert world.set_status(booking, "in_progress", 409)["detail"] == "A booking can start only once it is paid."
    assert world.pay(booking)["payment_status"] == "success"

    listed = world.call("customer", "GET", "/api/v1/customer/bookings")["items"]
    assert [(each["id"], each["line"], each["status"]) for each in listed] == [(booking["id"], "errand", "confirmed")]
    listed = world.call("admin", "GET", "/api/v1/admin/bookings?line=errand", role=ADMIN)["items"]
    assert [each["ref"] for each in listed] == [booking["ref"]]
    detail = world.call("admin", "GET", f"/api/v1/admin/bookings/{booking['id']}", role=ADMIN)
    assert (detail["visit"]["task"], detail["visit"]["distance_km"]) == ("Fetch a parcel", 4)
    assert detail["breakdown"] == {"base": 99.0, "distance": 100.0, "gst": 35.82, "total": 234.82}
    assert [payment["gateway"] for payment in detail["payments"]] == ["phonepe"]

    assert world.set_status(booking, "in_progress")["status"] == "in_progress"
    assert world.set_status(booking, "completed")["status"] == "completed"
    invoice = world.call("customer", "GET", f"/api/v1/customer/bookings/{booking['id']}/invoice")
    assert (invoice["number"][:3], invoice["number"][-7:]) == ("ER/", "/000001")
    assert (invoice["supplier"]["name"], invoice["total"], invoice["cgst"]) == ("Dash", 234.82, 17.91)
    events = world.call("customer", "GET", f"/api/v1/customer/bookings/{booking['id']}/events")["items"]
    assert [event["to_status"] for event in events if event["to_status"]] == [
        *("pending", "confirmed", "in_progress", "completed")
    ]

    world.work()
    ref = booking["ref"]
    assert sorted(world.subjects()) == [f"Booked: {ref}", f"Confirmed: {ref}", f"Thank you: {ref}"]
    assert all("Dash" in mail.text and "Sizzle" not in mail.text for mail in world.mails.mails(EMAIL))
    notifications = world.call("customer", "GET", "/api/v1/customer/notifications")["items"]
    assert sorted(each["kind"] for each in notifications) == ["booked", "completed", "confirmed"]


@pytest.mark.parametrize(
    ("due_in", "refund"), [(timedelta(hours=30), 234.82), (timedelta(hours=5), 117.41), (timedelta(hours=1), 0.0)]
)
def test_cancelled_errand_refunds_its_tiers_share(world, due_in, refund):
    booking = world.book(due_in)
    path = f"/api/v1/errand/bookings/{booking['id']}"
    assert world.call("errand", "GET", f"{path}/cancellation") == {"refund": 0}, "nothing is paid"
    assert world.pay(booking)["payment_status"] == "success"
    assert world.call("errand", "GET", f"{path}/cancellation") == {"refund": refund}
    body, key = {"reason": "plans changed"}, {"Idempotency-Key": "once"}
    answers = [world.call("errand", "POST", f"{path}/cancel", body, **key) for _ in range(2)]
    assert answers == [{"refund": refund}] * 2
    for again in (("POST", f"{path}/cancel", body), ("GET", f"{path}/cancellation", None)):
        assert world.call("errand", *again, 409)["code"] == "step_not_allowed"

    world.work()
    for (our_id,) in world.rows("select merchant_refund_id from refunds where state <> 'done'"):
        from functions import gateways
        from shared.payments import status_polling

        lines, now = world.wiring.line, datetime.now(UTC)
        status_polling.poll_by_our_id(world.db, gateways.gateway_named, lines, our_id, now)
    world.work()
    assert world.rows("select amount, state from refunds") == ([(round(refund * 100), "done")] if refund else [])
    ref = booking["ref"]
    expected = {f"Cancelled: {ref}", *([f"Refunded: ₹{refund:.2f} for {ref}"] if refund else [])}
    assert expected <= set(world.subjects())
    detail = world.call("admin", "GET", f"/api/v1/admin/bookings/{booking['id']}", role=ADMIN)
    assert detail["status"] == "cancelled"
    assert detail["payment_status"] == {234.82: "refunded", 117.41: "partially_refunded", 0.0: "success"}[refund]
    assert sum(line["amount"] for line in detail["ledger"]) == pytest.approx(0)


@pytest.mark.breaks_invariants("the price of an errand is changed by raw SQL")
def test_lines_invariants_run_with_the_cores(world):
    booking = world.book()
    invariants = world.wiring.invariants()
    assert {"errands_cost_their_distance", "visits_are_complete", "ledger_balances"} <= invariants.keys()
    with world.db.reading() as session:
        assert breaches(session, invariants, datetime.now(UTC)) == []
    with world.db.transaction() as session:
        session.execute(text("update errands set distance_km = 9"))
    with world.db.reading() as session:
        found = breaches(session, invariants, datetime.now(UTC))
    assert [(breach.invariant, str(breach.subject_id)) for breach in found] == [
        ("errands_cost_their_distance", booking["id"])
    ]


def test_unpaid_errand_is_cancelled_at_deadline(world):
    booking = world.book()
    from functions.schedule import bookings

    with world.db.transaction() as session:
        session.execute(text("update bookings set pay_by = now() - interval '1 minute'"))
    did = bookings.expire(datetime.now(UTC))
    assert did == {"overdue": 1, "cancelled": 1}
    world.work()
    assert f"Cancelled: {booking['ref']} was not paid in time" in world.subjects()
