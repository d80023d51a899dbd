"""Mails: the same facts as text and as HTML, nothing that somebody typed becomes markup, no code on a lock screen."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.letter import Letter
from shared.lines.home_chef.messages import LETTERS
from shared.sign_in.messages import code_letter

FACTS = {
    "ref": "SZ-A1B2C3D4",
    "total": 236_156,
    "earning": 214_200,
    "amount": 118_078,
    "day": "2026-11-23",
    "time": "19:00",
    "hours": 3,
    "guests": 8,
    "city": "Mumbai",
    "chef": "Arjun",
    "accepted": True,
}
EVIL = "<script>alert('x')</script> & \"Söhne\" <b>"


def words(html):
    """The text a reader sees, markup taken away."""
    return unescape(re.sub(r"<[^>]*>", " ", html.partition("</head>")[2]))


def flat(text):
    return " ".join(text.split())


def all_of(letter):
    facts = [part for row in letter.rows for part in row]
    return [letter.heading, *letter.sentences, *facts, letter.closing, *([letter.code] if letter.code else [])]


@pytest.mark.parametrize("kind", LETTERS)
def test_text_and_html_say_the_same(kind):
    letter = LETTERS[kind](FACTS, "Meera")
    for part in all_of(letter):
        assert part in letter.text()
        assert flat(part) in flat(words(letter.html()))
    told = flat(letter.text().replace(": ", " "))
    assert sorted(flat(words(letter.html())).replace("Sizzle ", "", 1).replace(": ", " ").split()) == sorted(
        told.split()
    )


@pytest.mark.parametrize("kind", LETTERS)
def test_every_letter_names_the_booking_the_day_and_the_person(kind):
    letter = LETTERS[kind](FACTS, "Meera")
    assert "SZ-A1B2C3D4" in letter.subject + letter.text()
    assert "Monday, 23 November 2026 at 19:00" in letter.text()
    assert letter.sentences[0] == "Hello Meera,"
    assert LETTERS[kind](FACTS, None).sentences[0] == "Hello,"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("confirmed", "₹2,361.56"),
        ("completed", "₹2,361.56"),
        ("visit_to_answer", "₹2,142.00"),
        ("visit_paid", "₹2,142.00"),
        ("refund_on_its_way", "₹1,180.78"),
        ("refund_decided", "₹1,180.78"),
        ("refunded", "₹1,180.78"),
    ],
)
def test_a_letter_about_money_says_how_much(kind, told):
    assert told in LETTERS[kind](FACTS, None).text()


@pytest.mark.parametrize("kind", ["visit_to_answer", "visit_paid"])
def test_a_chef_is_told_the_earning_and_not_the_customers_price(kind):
    assert "2,361.56" not in LETTERS[kind](FACTS, None).text()


def test_who_comes_is_said_only_once_it_is_certain():
    assert "Arjun cooks for you." in LETTERS["confirmed"](FACTS, None).text()
    asked = LETTERS["confirmed"](FACTS | {"accepted": False}, None).text()
    assert "Arjun has been asked" in asked
    assert "cooks for you" not in asked


@pytest.mark.parametrize("kind", LETTERS)
def test_a_chef_without_a_name_is_your_chef(kind):
    letter = LETTERS[kind](FACTS | {"chef": None}, None)
    assert "None" not in letter.subject + letter.text()


def test_one_guest_is_one_guest():
    assert "For: 1 guest, 3 h" in LETTERS["accepted"](FACTS | {"guests": 1}, None).text()
    assert "For: 8 guests, 3 h" in LETTERS["accepted"](FACTS, None).text()


@pytest.mark.parametrize("kind", LETTERS)
def test_what_somebody_typed_stays_text(kind):
    letter = LETTERS[kind](FACTS | {"chef": EVIL, "city": EVIL}, EVIL)
    assert "<script" not in letter.html()
    assert "<b>" not in letter.html()
    assert EVIL in letter.text()


@given(st.text(), st.text(), st.text(), st.text())
def test_no_word_of_a_letter_becomes_markup(heading, sentence, label, value):
    plain = Letter("s", "h", ["s"], [("l", "v")]).html()
    typed = Letter(heading, heading, [sentence], [(label, value)], closing=value)
    tags = r"<[^>]*>"
    assert re.findall(tags, typed.html()) == re.findall(tags, plain)


def test_the_code_is_large_in_the_mail_and_nowhere_in_its_subject():
    """Notifications show the subject of a mail on a locked screen."""
    letter = code_letter("048213", 300)
    assert "048213" not in letter.subject
    assert re.search(r"\b\d{6}\b", letter.subject + letter.heading) is None
    assert re.findall(r"\b\d{6}\b", letter.text()) == ["048213"]
    assert flat(words(letter.html())).count("048213") == 1
    assert "within 5 minutes" in letter.text()


def test_a_letter_without_facts_has_no_table():
    assert "<table" not in Letter("s", "h", ["one"]).html()
    assert Letter("s", "h", ["one"], closing="bye").text() == "h\n\none\n\nbye\n"
