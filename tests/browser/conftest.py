"""A browser whose console errors and requests are recorded on every page."""

import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--no-sandbox",  # the pages are ours, and who runs tests in a container is root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
PHONE = {"width": 360, "height": 740}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for one file: its event loop must not outlive the tests that need it."""
    if CHROMIUM is None:
        pytest.skip("no chromium found: apt-get install chromium, and these tests run")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Open]:
    """Yield a function that opens pages, phone-sized by default; fails on console errors and requests to other hosts."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if urlsplit(request.url).hostname not in {"127.0.0.1", None}:
            complaints.append(f"asked for {request.url}")

    def open_one(**wanted: object) -> Page:
        context = browser.new_context(**{"viewport": PHONE} | wanted)
        opened.append(context)
        context.set_default_timeout(10_000)
        context.on("console", on_console)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("request", on_request)
        return context.new_page()

    yield open_one
    for context in opened:
        context.close()
    assert complaints == []


@pytest.fixture
def page(window: Open) -> Page:
    return window()
