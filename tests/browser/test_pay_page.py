"""The page a customer pays on, pressed in a browser."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looks
from tests.browser.conftest import Open
from tests.e2e.test_journey import mail_to
from tests.system import Client, System, eventually

RETURN = re.compile(r"/_local/return\?")


@dataclass
class Payment:
    """A booking that waits to be paid on its page."""

    guest: Client
    id: str
    ref: str
    url: str

    def state(self) -> tuple[str, str]:
        shown = self.guest.booking(self.id)
        return shown["status"], shown["payment_status"]

    def becomes(self, *state: str) -> None:
        eventually(lambda: self.state() == state)


@pytest.fixture
def payment(system: System) -> Payment:
    guest = system.sign_in()
    booking = guest.book()
    started = guest.post("/payments/initiate", {"booking_id": booking["id"]}).json()
    return Payment(guest, booking["id"], booking["ref"], started["payment_url"])


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def back(page: Page, payment: Payment) -> None:
    """Assert that the browser is at the merchant's return page, which names the booking."""
    page.wait_for_url(RETURN)
    expect(page.get_by_role("heading", level=1)).to_have_text("Back from the payment")
    expect(page.get_by_text(payment.ref)).to_be_visible()


def test_pay_shows_the_amount_leads_back_and_confirms_the_booking(page: Page, payment: Payment, system: System):
    page.goto(payment.url)
    assert page.title() == "Pay ₹879.80 to Sizzle"
    expect(page.locator(".amount")).to_have_text("₹879.80")
    press(page, "Pay ₹879.80")
    back(page, payment)
    payment.becomes("confirmed", "success")
    assert "₹879.80" in mail_to(system, payment.guest.email, "Confirmed", payment.ref)["text"]


def test_decline_leads_back_and_the_booking_can_be_paid_again(page: Page, payment: Payment):
    page.goto(payment.url)
    press(page, "Decline")
    back(page, payment)
    payment.becomes("pending", "failed")
    page.goto(payment.url)
    expect(page.get_by_role("heading", name="This payment failed")).to_be_visible()
    page.goto(payment.guest.post("/payments/initiate", {"booking_id": payment.id}).json()["payment_url"])
    press(page, "Pay ₹879.80")
    back(page, payment)
    payment.becomes("confirmed", "success")


def test_leave_pending_leads_back_and_the_page_can_still_be_paid(page: Page, payment: Payment):
    page.goto(payment.url)
    press(page, "Leave pending")
    back(page, payment)
    assert payment.state() == ("pending", "pending")
    page.goto(payment.url)
    press(page, "Pay ₹879.80")
    back(page, payment)
    payment.becomes("confirmed", "success")


def test_a_paid_page_is_final_however_one_comes_back_to_it(page: Page, payment: Payment):
    page.goto(payment.url)
    press(page, "Pay ₹879.80")
    back(page, payment)
    for come_back in (page.go_back, lambda: page.goto(payment.url)):
        come_back()
        expect(page.get_by_role("heading", name="This payment is complete")).to_be_visible()
        assert page.get_by_role("button").count() == 0
    page.get_by_role("link", name="Back to Sizzle").click()
    back(page, payment)


def test_two_hasty_presses_pay_once(page: Page, payment: Payment, system: System):
    page.goto(payment.url)
    page.get_by_role("button", name="Pay ₹879.80").dblclick(no_wait_after=True)
    back(page, payment)
    payment.becomes("confirmed", "success")
    mail_to(system, payment.guest.email, "Confirmed", payment.ref)
    rows = "select amount from ledger_postings e join ledger_transactions t on t.id = e.transaction_id"
    paid = system.sql(f"{rows} where t.booking_id = :id and e.account = 'gateway_clearing'", id=payment.id)
    assert paid == [[87980]]


@pytest.mark.parametrize(
    ("tabs", "key", "state"),
    [
        (1, "Enter", ("confirmed", "success")),
        (2, "Space", ("pending", "failed")),
        (3, "Enter", ("pending", "pending")),
    ],
)
def test_the_keyboard_alone_is_enough(page: Page, payment: Payment, tabs: int, key: str, state: tuple[str, ...]):
    """Fails when what has the focus is not outlined in our own colour."""
    page.goto(payment.url)
    for _ in range(tabs):
        page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    focused.press(key)
    back(page, payment)
    payment.becomes(*state)


def test_it_works_without_scripts(window: Open, payment: Payment):
    page = window(java_script_enabled=False)
    page.goto(payment.url)
    press(page, "Pay ₹879.80")
    back(page, payment)
    payment.becomes("confirmed", "success")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800])
def test_it_can_be_read_before_and_after_on_every_screen(window: Open, payment: Payment, width: int, scheme: str):
    """Fails when the labels are painted a few shades lighter: #968ca2 has a contrast of 3.2, and 4.5 is asked for."""
    page = window(viewport={"width": width, "height": 740}, color_scheme=scheme)
    page.goto(payment.url)
    looks.good(page)
    press(page, "Decline" if width == 360 else "Pay ₹879.80")
    back(page, payment)
    looks.good(page)
    page.goto(payment.url)
    looks.good(page)
