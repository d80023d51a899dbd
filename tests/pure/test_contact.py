"""Contact addresses: one spelling of each, and none that could break a mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.kit.contact import Email, Phone
from shared.notifications.mail import Mail

EMAIL, PHONE = TypeAdapter(Email), TypeAdapter(Phone)
LONGEST = "a" * (254 - len("@test.example")) + "@test.example"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("meera@sizzle.example", "meera@sizzle.example"),
        ("  Meera@Sizzle.Example\n", "meera@sizzle.example"),
        ("first.last+tag@sub.domain.co.in", "first.last+tag@sub.domain.co.in"),
        ("o'neil_%!#$&*=?^`{|}~-@x.in", "o'neil_%!#$&*=?^`{|}~-@x.in"),
        ("MÉERA@sizzle.example", "méera@sizzle.example"),
        (LONGEST, LONGEST),
    ],
)
def test_an_address_is_trimmed_and_in_lower_case(typed, kept):
    assert EMAIL.validate_python(typed) == kept
    assert EMAIL.validate_python(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "a@b",
        "a@b.",
        "a@.b",
        "@b.in",
        "a b@c.in",
        "a@b@c.in",
        "a@b .in",
        "Meera <meera@x.in>",
        "<a@b.in>",
        "a@b.in,c@d.in",
        "a@b.in;c@d.in",
        "a@b.in\r\nBcc: c@d.in",
        "a\x00b@c.in",
        "a\x7fb@c.in",
        'a"b"@c.in',
        "a\\b@c.in",
        "a@[127.0.0.1]",
        "mailto:a@b.in",
        "a\u2028b@c.in",
        "a\u00a0b@c.in",
        "a" + LONGEST,
        None,
        5,
        ["a@b.in"],
    ],
)
def test_what_is_not_one_bare_address_is_refused(typed):
    with pytest.raises(ValidationError):
        EMAIL.validate_python(typed)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=6))
def test_every_address_that_is_taken_can_be_written_to(local, domain, top):
    try:
        address = EMAIL.validate_python(f"{local}@{domain}.{top}")
    except ValidationError:
        return
    assert Mail(address, "subject", "text", "html", "id").to == address
    assert EMAIL.validate_python(address) == address


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("9876543210", "9876543210"),
        ("+919876543210", "+919876543210"),
        (" +91 98765-43210 ", "+919876543210"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_a_number_is_kept_as_its_digits(typed, kept):
    assert PHONE.validate_python(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "987654321",
        "1234567890123456",
        "++919876543210",
        "98765+43210",
        "98765abcde",
        "९८७६५४३२१०",
        "(987) 6543210",
        9876543210,
        None,
    ],
)
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(ValidationError):
        PHONE.validate_python(typed)
