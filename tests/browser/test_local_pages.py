"""The pages of the local system and the mails it catches, as a person sees them."""

from email.message import EmailMessage
from smtplib import SMTP
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import looks
from tests.e2e.test_journey import mail_to
from tests.e2e.test_too_late import expired, settle
from tests.system import Client, System

SCREENS = [(360, "light"), (360, "dark"), (800, "light")]
PAGES = {
    "/": "Sizzle, locally",
    "/_local/mail": "Mails",
    "/_local/payments": "Payments of Sizzle",
    "/_local/tasks": "Cloud Tasks",
    "/_local/jobs": "Cloud Scheduler",
    "/_local/return?ref=SZ-A1B2C3D4&txn=SZ_7VF1Y8Z5GQTW6PW4YRSV930972": "Back from the payment",
}


@pytest.fixture(scope="module")
def guest(system: System) -> Client:
    """A customer with a code, a confirmation and a refund, so that no page is empty."""
    guest = system.sign_in()
    booking = guest.book()
    guest.pay(booking["id"])
    mail_to(system, guest.email, "Confirmed", booking["ref"])
    late, txn = expired(system, guest)
    settle(system, txn, "pay")
    mail_to(system, guest.email, "Refunded", late["ref"])
    return guest


@pytest.mark.usefixtures("guest")
@pytest.mark.parametrize("path", PAGES)
def test_a_local_page_can_be_read_on_every_screen(page: Page, system: System, path: str):
    """Fails when a page picks the browser's preferred media type: Chromium got JSON from two of them."""
    page.goto(system.url + path)
    assert page.title() == PAGES[path]
    for screen in SCREENS:
        looks.good_on(page, *screen)


def test_every_local_page_is_reached_from_the_first(page: Page, system: System):
    page.goto(system.url)
    links = {link.get_attribute("href") for link in page.get_by_role("listitem").get_by_role("link").all()}
    local = {path for path in PAGES if path.count("/") == 2 and "?" not in path}
    assert links == local | {"/api/v1/docs", "/api/v1/openapi.json"}


def test_a_job_is_run_by_its_button(page: Page, system: System):
    page.goto(f"{system.url}/_local/jobs")
    row = page.get_by_role("row", name="sweep")
    with page.expect_navigation():
        row.get_by_role("button", name="Run now").click()
    page.go_back()
    page.reload()
    expect(row.get_by_role("cell").nth(5)).to_have_text("200")


@pytest.mark.parametrize(
    ("subject", "heading", "facts"),
    [
        ("Your Sizzle sign-in code", "Your sign-in code", ()),
        ("Confirmed: ", "Your visit is confirmed", ("₹879.80", "2 guests, 2 h", "Mumbai")),
        ("Refunded: ", "Your refund is done", ("₹879.80", "2 guests, 2 h", "Mumbai")),
    ],
)
def test_a_mail_can_be_read_on_every_screen(
    page: Page, system: System, guest: Client, subject: str, heading: str, facts: tuple[str, ...]
):
    page.goto(f"{system.url}/_local/mail?to={guest.email}")
    page.get_by_role("link", name=subject).click()
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", level=1)).to_have_text(heading)
    for screen in SCREENS:
        looks.good_on(page, *screen)
        for fact in facts:
            expect(inside.get_by_text(fact).last).to_be_visible()
    page.get_by_role("link", name="The mail alone").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    for screen in SCREENS:
        looks.good_on(page, *screen)


def test_the_code_of_a_mail_stands_on_one_line_and_is_the_one_that_was_sent(page: Page, system: System, guest: Client):
    page.goto(f"{system.url}/_local/mail?to={guest.email}")
    page.get_by_role("link", name="Your Sizzle sign-in code").click()
    page.get_by_role("link", name="The mail alone").click()
    first = system.mails(guest.email)[-1]["text"].split("\n\n")[1]
    code = page.get_by_text(first, exact=True)
    assert code.bounding_box()["height"] < 60  # type: ignore[index]


def test_nothing_runs_in_a_mail_that_is_opened(browser: Browser, system: System):
    """Fails without the content policy of the page: the mail alone would run what it brings."""
    evil = EmailMessage()
    evil["Subject"] = "A present"
    evil.set_content("text")
    run = "document.title='taken';top.location='/'"
    evil.add_alternative(f'<script>{run}</script><img src="data:," onerror="{run}"><p>Hello</p>', subtype="html")
    with SMTP("127.0.0.1", urlsplit(system.urls["smtp"]).port, local_hostname="test", timeout=5) as smtp:
        smtp.sendmail("from@test.example", ["evil@test.example"], bytes(evil))
    page = browser.new_page()
    page.goto(f"{system.url}/_local/mail?to=evil@test.example")
    page.get_by_role("link", name="A present").click()
    expect(page.frame_locator("iframe").get_by_text("Hello")).to_be_visible()
    assert page.title() == "A present"
    page.get_by_role("link", name="The mail alone").click()
    expect(page.get_by_text("Hello")).to_be_visible()
    assert page.title() == ""
    page.close()
