"""Mails: the same facts as text and as HTML, nothing that somebody typed becomes markup, no code on a lock screen."""

import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.brand import Brand
from shared.kit.email_template import EmailTemplate
from shared.lines.home_chef.letters import LETTERS, chef, customer
from shared.lines.home_chef.line import LINE
from shared.lines.home_chef.visit import VisitFacts
from shared.notifications.notice import Reader
from shared.sign_in.messages import code_letter

FACTS = VisitFacts(
    booking_id="019a0000-0000-7000-8000-000000000001",
    ref="SZ-A1B2C3D4",
    total=236_156,
    earning=214_200,
    amount=118_078,
    day="2026-11-23",
    time="19:00",
    hours=3,
    guests=8,
    city="Mumbai",
    provider="Arjun",
    accepted=True,
    zone="Asia/Kolkata",
    starts_at="2026-11-23T13:30:00+00:00",
    pay_by="2026-11-20T05:30:00+00:00",
    answer_by="2026-11-20T07:00:00+00:00",
    from_day="2026-11-22",
    from_time="12:30",
    why="no_chef",
    invoice="SZ/26-27/000001",
)
BRAND, CLOSING = LINE.brand, "Sizzle · a chef at your home"
MEERA, NAMELESS = Reader("Meera"), Reader()
EVIL = "<script>alert('x')</script> & \"Söhne\" <b>"


def words(html):
    """Return the visible text, without markup."""
    return unescape(re.sub(r"<[^>]*>", " ", html.partition("</head>")[2]))


def flat(text):
    return " ".join(text.split())


def all_of(letter):
    facts = [part for row in letter.rows for part in row]
    return [letter.heading, *letter.sentences, *facts, CLOSING, *([letter.code] if letter.code else [])]


@pytest.mark.parametrize("kind", LETTERS)
def test_text_and_html_say_the_same(kind):
    letter = LETTERS[kind](FACTS, MEERA)
    for part in all_of(letter):
        assert part in letter.text(BRAND)
        assert flat(part) in flat(words(letter.html(BRAND)))
    text = flat(letter.text(BRAND).replace(": ", " "))
    assert sorted(flat(words(letter.html(BRAND))).replace("Sizzle ", "", 1).replace(": ", " ").split()) == sorted(
        text.split()
    )


@pytest.mark.parametrize("kind", LETTERS)
def test_every_letter_names_the_booking_the_day_and_the_person(kind):
    letter = LETTERS[kind](FACTS, MEERA)
    assert "SZ-A1B2C3D4" in letter.subject + letter.text(BRAND)
    assert "Monday, 23 November 2026 at 19:00" in letter.text(BRAND)
    assert letter.sentences[0] == "Hello Meera,"
    assert LETTERS[kind](FACTS, NAMELESS).sentences[0] == "Hello,"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("booked", "Please pay ₹2,361.56 by Friday, 20 November at 11:00."),
        ("confirmed", "Your payment of ₹2,361.56 has arrived."),
        ("chef_changed", "Price: ₹2,361.56"),
        ("rescheduled", "your refund of ₹1,180.78."),
        ("completed", "Paid: ₹2,361.56"),
        ("cancelled_with_refund", "your refund of ₹1,180.78 "),
        ("cancelled_by_us", "your refund of ₹1,180.78, which is all you paid"),
        ("visit_to_answer", "₹2,142.00"),
        ("visit_paid", "₹2,142.00"),
        ("visit_moved", "₹2,142.00"),
        ("chef_reminder_day", "₹2,142.00"),
        ("chef_reminder_hours", "₹2,142.00"),
        ("refund_on_its_way", "₹1,180.78"),
        ("refund_decided", "₹1,180.78"),
        ("refunded", "₹1,180.78"),
    ],
)
def test_a_letter_about_money_says_how_much(kind, sentence):
    assert sentence in LETTERS[kind](FACTS, NAMELESS).text(BRAND)


@pytest.mark.parametrize("kind", chef.LETTERS)
def test_chef_mails_have_the_earning_and_not_the_price(kind):
    assert "2,361.56" not in LETTERS[kind](FACTS, NAMELESS).text(BRAND)


@pytest.mark.parametrize(
    ("kind", "subject", "sentence"),
    [
        ("booked", "Booked: please pay for visit SZ-A1B2C3D4", "We reserved Arjun's time for you."),
        ("chef_changed", "Another chef: visit SZ-A1B2C3D4", "cancel free of charge for the next 24 hours"),
        ("rescheduled", "Moved: visit SZ-A1B2C3D4", "on Sunday, 22 November 2026 at 12:30 and is now on Monday"),
        ("reminder_day", "Coming up: your chef visit SZ-A1B2C3D4", "It is on Monday, 23 November 2026 at 19:00."),
        ("reminder_hours", "At 19:00: your chef visit SZ-A1B2C3D4", "somebody is at home"),
        ("started", "Started: visit SZ-A1B2C3D4", "Your visit is under way."),
        ("completed", "Thank you: visit SZ-A1B2C3D4", "Invoice: SZ/26-27/000001"),
        ("cancelled_by_us", "Cancelled: visit SZ-A1B2C3D4 cannot take place", "no chef is free for it any more"),
        (
            "visit_to_answer",
            "New visit SZ-A1B2C3D4: please answer",
            "decline it in the app by Friday, 20 November at 12:30",
        ),
        (
            "visit_moved",
            "Moved: please answer visit SZ-A1B2C3D4 anew",
            "from Sunday, 22 November 2026 at 12:30 to Monday",
        ),
        ("visit_withdrawn", "No longer yours: visit SZ-A1B2C3D4", "There is nothing left to do"),
        (
            "chef_reminder_day",
            "Coming up: you cook at visit SZ-A1B2C3D4",
            "It is on Monday, 23 November 2026 at 19:00.",
        ),
        ("chef_reminder_hours", "At 19:00: you cook at visit SZ-A1B2C3D4", "Address and phone number are in the app."),
    ],
)
def test_a_letter_says_what_has_happened(kind, subject, sentence):
    letter = LETTERS[kind](FACTS, NAMELESS)
    assert letter.subject == subject
    assert sentence in letter.text(BRAND)


@pytest.mark.parametrize("why", customer.WHY)
def test_who_had_not_paid_is_promised_no_refund(why):
    unpaid = LETTERS["cancelled_by_us"](replace(FACTS, why=why, amount=0), NAMELESS).text(BRAND)
    assert customer.WHY[why] in unpaid
    assert "Nothing had been charged." in unpaid
    assert "refund" not in unpaid.lower()


@pytest.mark.parametrize(
    ("kind", "without", "missing"),
    [
        ("rescheduled", {"amount": 0}, "refund"),
        ("completed", {"invoice": None}, "nvoice"),
        ("visit_to_answer", {"answer_by": None}, " by "),
        ("visit_moved", {"answer_by": None}, " by "),
    ],
)
def test_what_is_not_known_is_not_said(kind, without, missing):
    assert missing in LETTERS[kind](FACTS, NAMELESS).text(BRAND)
    text = LETTERS[kind](replace(FACTS, **without), NAMELESS).text(BRAND)
    assert missing not in text
    assert "None" not in text


@pytest.mark.parametrize("kind", LETTERS)
def test_an_app_shows_the_sentences_without_the_greeting_and_the_table(kind):
    summary = LETTERS[kind](FACTS, MEERA).summary()
    assert "Hello" not in summary
    assert "For:" not in summary
    assert summary in LETTERS[kind](FACTS, MEERA).text(BRAND).replace("\n\n", " ")


def test_the_chef_is_named_only_once_accepted():
    assert "Arjun cooks for you." in LETTERS["confirmed"](FACTS, NAMELESS).text(BRAND)
    text = LETTERS["confirmed"](replace(FACTS, accepted=False), NAMELESS).text(BRAND)
    assert "Arjun has been asked" in text
    assert "cooks for you" not in text
    assert "Arjun comes instead" in LETTERS["chef_changed"](FACTS, NAMELESS).text(BRAND)
    assert "asked to come" in LETTERS["chef_changed"](replace(FACTS, accepted=False), NAMELESS).text(BRAND)
    assert "Arjun" not in LETTERS["reminder_day"](replace(FACTS, accepted=False), NAMELESS).text(BRAND)


@pytest.mark.parametrize("kind", LETTERS)
def test_a_chef_without_a_name_is_your_chef(kind):
    letter = LETTERS[kind](replace(FACTS, provider=None), NAMELESS)
    assert "None" not in letter.subject + letter.text(BRAND)


def test_one_guest_is_one_guest():
    assert "For: 1 guest, 3 h" in LETTERS["accepted"](replace(FACTS, guests=1), NAMELESS).text(BRAND)
    assert "For: 8 guests, 3 h" in LETTERS["accepted"](FACTS, NAMELESS).text(BRAND)


@pytest.mark.parametrize("kind", LETTERS)
def test_what_somebody_typed_stays_text(kind):
    letter = LETTERS[kind](replace(FACTS, provider=EVIL, city=EVIL), Reader(EVIL))
    assert "<script" not in letter.html(BRAND)
    assert "<b>" not in letter.html(BRAND)
    assert EVIL in letter.text(BRAND)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_word_of_a_letter_becomes_markup(heading, sentence, label, value):
    plain = EmailTemplate("s", "h", ["s"], [("l", "v")]).html(BRAND)
    typed = EmailTemplate(heading, heading, [sentence], [(label, value)])
    tags = r"<[^>]*>"
    assert re.findall(tags, typed.html(BRAND)) == re.findall(tags, plain)


def test_the_code_is_large_in_the_mail_and_nowhere_in_its_subject():
    """Notifications show the subject of a mail on a locked screen."""
    letter = code_letter("048213", 300, BRAND)
    assert "048213" not in letter.subject
    assert re.search(r"\b\d{6}\b", letter.subject + letter.heading) is None
    assert re.findall(r"\b\d{6}\b", letter.text(BRAND)) == ["048213"]
    assert flat(words(letter.html(BRAND))).count("048213") == 1
    assert "within 5 minutes" in letter.text(BRAND)


def test_a_letter_without_facts_has_no_table():
    assert "<table" not in EmailTemplate("s", "h", ["one"]).html(BRAND)
    assert EmailTemplate("s", "h", ["one"]).text(Brand("Bye")) == "h\n\none\n\nBye\n"
