"""The page a customer of the PhonePe stand-in sees."""

import re

import pytest
import requests

from infra.local.phonepe.pages import rupees
from tests.local.phonepe_merchant import MERCHANT, a_merchant


@pytest.fixture
def client(tmp_path):
    with a_merchant(tmp_path) as merchant:
        yield merchant


# the page


def test_the_page_tells_amount_merchant_and_transaction(client):
    answer = requests.get(client.page("T1", 123_456_789_05), timeout=5)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "₹12,34,56,789.05" in answer.text
    for text in ("Sizzle", MERCHANT, "T1", 'name="outcome" value="pay"', 'value="decline"', 'value="pending"'):
        assert text in answer.text


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (100, "₹1.00"),
        (99_905, "₹999.05"),
        (100_000, "₹1,000.00"),
        (1_234_567, "₹12,345.67"),
        (12_345_678, "₹1,23,456.78"),
        (1_000_000_000, "₹1,00,00,000.00"),
    ],
)
def test_rupees_have_two_places_and_indian_groups(paise, text):
    assert rupees(paise) == text


def test_a_name_and_an_address_are_text_to_the_page(tmp_path):
    with a_merchant(tmp_path, merchant_name="<b>Tom & Co</b>") as client:
        page = client.page(redirectUrl='http://shop.example/?"><script>alert(1)</script>')
        for text in (requests.get(page, timeout=5).text, finished(client, page)):
            assert "&lt;b&gt;Tom &amp; Co&lt;/b&gt;" in text
            assert "<b>" not in text
            assert "<script" not in text


def finished(client, page):
    client.server.pay_page(page, "pay")
    return requests.get(page, timeout=5).text


def test_a_settled_page_says_so_and_leads_back(client):
    text = finished(client, client.page())
    assert "This payment is complete" in text
    assert 'href="http://shop.example/back?order=1"' in text
    assert 'name="outcome"' not in text


def test_the_way_back_by_post_is_a_form_that_works_without_scripts(client):
    page = client.page(redirectMode="POST")
    back = client.server.pay_page(page, "pay")
    assert (back.status_code, back.headers["Cache-Control"]) == (200, "no-store")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', back.text))
    assert fields.items() >= {"code": "PAYMENT_SUCCESS", "transactionId": "T1", "amount": "10000"}.items()
    assert 'action="http://shop.example/back?order=1"' in back.text
    assert "<button" in back.text
    nonce = re.search(r'<script nonce="([^"]+)"', back.text)[1]
    assert f"'nonce-{nonce}'" in back.headers["Content-Security-Policy"]
    assert 'action="http://shop.example/back?order=1"' in requests.get(page, timeout=5).text


def test_a_page_nobody_was_given_is_not_there(client):
    page = client.page()
    assert requests.get(page[:-1], timeout=5).status_code == 404
    assert client.server.pay_page(page[:-1], "pay").status_code == 404
    assert client.server.pay_page(page, "steal").status_code == 400
    assert client.status()["data"]["state"] == "PENDING"


def test_pages_are_under_the_public_address(tmp_path):
    with a_merchant(tmp_path, public_url="https://pay.example/") as client:
        assert client.page().startswith("https://pay.example/transact/")
