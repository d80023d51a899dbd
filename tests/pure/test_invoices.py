"""Invoices: their numbers, amounts to the paisa, credit notes, and the printed page."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.invoices import documents, page
from shared.invoices.documents import Component, Line, Supplier, Supply
from shared.invoices.models import Invoice
from shared.invoices.numbering import series
from shared.invoices.schemas import invoice_view

SUPPLIER = Supplier("Sizzle", "1 Example Street", "27AAAAA0000A1Z5", "Maharashtra")
SUPPLY = Supply(
    booking_ref="SZ-A1B2C3D4",
    supplied_on=date(2026, 11, 23),
    customer="Meera",
    address="12 Hill Road, Mumbai 400050",
    place_of_supply="Maharashtra",
    components=(
        Component("Chef at home", "996337", (Line("3 h", 119_700), Line("8 guests", 58_800)), 4_462, 4_463),
        Component("Platform", "998599", (Line("Platform fee", 8_925),), 223, 223),
    ),
)
DOCUMENT = documents.invoice(SUPPLIER, SUPPLY)
EVIL = "<script>alert('x')</script><style>*{}</style> & \"Söhne\""


@pytest.mark.parametrize(
    ("now", "year"),
    [
        (datetime(2027, 3, 31, 18, 29, 59, tzinfo=UTC), "26-27"),
        (datetime(2027, 3, 31, 18, 30, tzinfo=UTC), "27-28"),  # midnight in India
        (datetime(2027, 1, 1, tzinfo=UTC), "26-27"),
        (datetime(2099, 12, 1, tzinfo=UTC), "99-00"),
    ],
)
def test_a_series_belongs_to_a_year_from_april_to_march_in_india(now, year):
    assert (series("SZ", now), series("SC", now)) == (f"SZ/{year}", f"SC/{year}")


def test_an_invoice_sums_its_lines_and_taxes():
    service, fee = DOCUMENT["components"]
    assert (service["taxable"], service["total"], fee["total"]) == (178_500, 187_425, 9_371)
    sums = {name: DOCUMENT[name] for name in ("taxable", "cgst", "sgst", "total")}
    assert sums == {"taxable": 187_425, "cgst": 4_685, "sgst": 4_686, "total": 196_796}
    assert DOCUMENT["supplier"]["gstin"] == "27AAAAA0000A1Z5"


def test_a_credit_note_takes_back_every_line_and_tax_pro_rata():
    note = documents.credit_note(DOCUMENT, "SZ/26-27/000001", [], 98_398)
    assert (note["total"], note["invoice_number"]) == (98_398, "SZ/26-27/000001")
    assert [line["amount"] for line in note["components"][0]["lines"]] == [59_850, 29_400]
    assert (note["cgst"], note["sgst"]) in {(2_342, 2_343), (2_343, 2_343)}


def test_more_than_is_left_cannot_be_credited():
    first = documents.credit_note(DOCUMENT, "n", [], 196_000)
    with pytest.raises(ValueError, match="796"):
        documents.credit_note(DOCUMENT, "n", [first], 797)


@given(st.lists(st.integers(1, 60_000), max_size=8))
def test_credit_notes_over_the_whole_amount_take_back_the_whole_invoice_to_the_paisa(amounts):
    notes, left = [], DOCUMENT["total"]
    for amount in [*amounts, DOCUMENT["total"]]:
        taken = min(amount, left)
        if taken:
            notes.append(documents.credit_note(DOCUMENT, "n", notes, taken))
            left -= taken
    parts = [documents._parts(note) for note in notes]
    assert all(paise >= 0 for part in parts for paise in part.values())
    assert {name: sum(part[name] for part in parts) for name in parts[0]} == documents._parts(DOCUMENT)


def shown(document, *notes):
    at = datetime(2026, 11, 23, 19, tzinfo=UTC)
    rows = [Invoice(number="SZ/26-27/000001", issued_at=at, document=document)]
    rows += [Invoice(number="SC/26-27/000001", issued_at=at, document=note) for note in notes]
    return invoice_view(rows)


def test_the_page_says_what_the_invoice_says_in_rupees_and_the_day_of_the_place():
    note = documents.credit_note(DOCUMENT, "SZ/26-27/000001", [], 98_398)
    html = page.html(shown(DOCUMENT, note))
    words = re.sub("<[^>]*>", "", html)
    for text in (
        "Tax invoice SZ/26-27/000001",
        "24 November 2026",
        "GSTIN 27AAAAA0000A1Z5",
        "SAC 996337",
        "₹1,967.96",
        "Credit note SC/26-27/000001",
        "For invoice SZ/26-27/000001",
        "₹983.98",
    ):
        assert text in words
    assert "http" not in html
    assert "style=" not in html


def test_what_somebody_typed_stays_text():
    evil = replace(SUPPLY, customer=EVIL, address=EVIL, place_of_supply=EVIL)
    html = page.html(shown(documents.invoice(SUPPLIER, evil)))
    assert "<script" not in html
    assert html.count("<style>") == 1


def test_json_says_rupees():
    document = shown(DOCUMENT).model_dump(mode="json")
    assert (document["total"], document["components"][0]["lines"][0]) == (1967.96, {"text": "3 h", "amount": 1197.0})
    assert document["credit_notes"] == []
