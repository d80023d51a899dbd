"""The pages on which the API can be tried, in a browser that complains about anything loaded from elsewhere."""

import requests
from playwright.sync_api import Page, expect

from tests.api_document import DOCUMENT
from tests.browser.conftest import Open
from tests.system import System


def test_every_operation_is_shown(page: Page, system: System):
    page.goto(f"{system.url}/api/v1/docs")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Booking backend")
    operations = page.locator(".opblock")
    expect(operations).to_have_count(sum(map(len, DOCUMENT["paths"].values())))
    assert page.locator(".errors-wrapper").count() == 0


def test_a_page_with_a_slash_behind_it_is_the_same(page: Page, system: System):
    page.goto(f"{system.url}/api/v1/docs/")
    expect(page.locator(".opblock").first).to_be_visible()


def test_a_customer_signs_in_and_reads_their_profile_without_leaving_the_page(window: Open, system: System):
    """Fails when the page's policy does not let it call its own origin."""
    page = window(viewport={"width": 1200, "height": 900})
    guest = system.sign_in()
    page.goto(f"{system.url}/api/v1/docs")
    page.get_by_role("button", name="Authorize").first.click()
    bearer = page.locator(".modal-ux .auth-container", has=page.locator("#auth-bearer-value"))
    bearer.locator("input").fill(guest.tokens["access_token"])
    bearer.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    operation = page.locator("#operations-customer-customer_get_profile")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text(guest.email)


def test_the_page_may_load_and_call_only_its_own_origin_and_its_files_are_kept(system: System):
    page = requests.get(f"{system.url}/api/v1/docs", timeout=10)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy
    script = requests.get(f"{system.url}/api/v1/docs/swagger-ui-bundle.js", timeout=10)
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert "max-age=86400" in script.headers["Cache-Control"]
    known = {"If-None-Match": script.headers["ETag"]}
    again = requests.get(script.url, headers=known, timeout=10)
    assert (again.status_code, again.content) == (304, b"")


def test_no_other_file_of_the_function_is_given_away(system: System):
    for name in ("document.py", "openapi", "core.json", "..%2Fweb.py", "swagger-ui.js"):
        answer = requests.get(f"{system.url}/api/v1/docs/{name}", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
