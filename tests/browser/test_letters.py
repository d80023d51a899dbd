"""Every letter as its reader sees it: on a phone and on a screen, nothing cut off, nothing too faint."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from shared.lines.home_chef.letters import LETTERS
from tests.browser import looks
from tests.pure.test_letters import BRAND, FACTS, MEERA


@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_can_be_read_on_every_screen(page: Page, kind: str):
    facts = replace(FACTS, provider="Arjunanandakumaraswamy-Venkatanarasimharajuvaripeta")
    letter = LETTERS[kind](facts, MEERA)
    page.set_content(letter.html(BRAND))
    for width in (360, 800):
        looks.good_on(page, width)
        expect(page.get_by_role("heading", level=1)).to_have_text(letter.heading)
        for _, value in letter.rows:
            expect(page.get_by_text(value, exact=True).last).to_be_visible()
