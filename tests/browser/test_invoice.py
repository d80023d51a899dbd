"""An invoice as a person reads and prints it."""

import pytest
from playwright.sync_api import expect

from tests.browser import looks
from tests.browser.conftest import Open
from tests.system import Client, System, eventually

SCREENS = [{"width": 360, "height": 740}, {"width": 1200, "height": 900}]


@pytest.fixture(scope="module")
def guest(system: System) -> Client:
    guest = system.sign_in()
    named = guest.put("/customer/profile", {"name": "Meera <b>Nair</b> " + "Venkatanarasimharajuvaripeta" * 2})
    assert named.status_code == 200, named.text
    return guest


@pytest.fixture(scope="module")
def url(system: System, guest: Client) -> str:
    """The URL of an invoice for a visit with many guests."""
    chef = system.demo("asha")
    booking = guest.book(chef_id=chef.get("/chef/profile").json()["id"], guest_count=8)
    guest.pay(booking["id"])
    eventually(lambda: guest.booking(booking["id"])["status"] == "confirmed")
    for status in ("confirmed", "in_progress", "completed"):
        assert chef.put(f"/chef/bookings/{booking['id']}/status", {"status": status}).status_code == 200
    return f"{system.api}/customer/bookings/{booking['id']}/invoice"


def signed_in(guest: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {guest.tokens['access_token']}"}


@pytest.mark.parametrize("screen", SCREENS, ids=["phone", "desk"])
def test_an_invoice_can_be_read_on_every_screen(window: Open, guest: Client, url: str, screen: dict[str, int]):
    """Fails when its own style sheet is not let through: the policy complains and the page is bare."""
    page = window(viewport=screen, extra_http_headers=signed_in(guest))
    page.goto(url)
    looks.good(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tax invoice SZ/")
    expect(page.get_by_text("Meera <b>Nair</b>")).to_be_visible()
    total = page.get_by_role("row", name="Total ₹")
    expect(total).to_contain_text("₹1,311.98")
    assert page.locator("article").evaluate("each => getComputedStyle(each).backgroundColor") == "rgb(255, 255, 255)"


def test_an_invoice_prints_on_one_sheet_of_a4(window: Open, guest: Client, url: str):
    page = window(extra_http_headers=signed_in(guest))
    page.goto(url)
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 1
    assert b"/MediaBox [0 0 594" in printed or b"/MediaBox [0 0 595" in printed
