"""Sign-in codes over HTTP: requested, verified, refused."""

import re

import pytest

from tests.system import System, new_client_header


def address(n: int = 0) -> str:
    return f"{new_client_header()['X-Forwarded-For']}.{n}@test.example"


def send(system: System, email: object, **more: object):
    body = {"email": email, **more} if email is not None else more
    return system.call("auth", "POST", "/api/v1/auth/send-otp", json=body, headers=new_client_header())


def verify(system: System, email: str, code: str, headers: dict[str, str] | None = None):
    body = {"email": email, "otp": code}
    return system.call("auth", "POST", "/api/v1/auth/verify-otp", json=body, headers=headers or new_client_header())


def code_for(system: System, email: str) -> str:
    assert send(system, email).status_code == 200
    return re.search(r"\b\d{6}\b", system.mails(email)[0]["text"])[0]


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_known_and_an_unknown_address_get_the_same_answer(system: System):
    known = system.sign_in().email
    first, second = send(system, known), send(system, address())
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert first.json() == {"message": "OTP sent", "expires_in": 300}
    assert set(first.headers) == set(second.headers)


def test_an_address_is_the_same_person_however_it_is_typed(system: System):
    email = address()
    code = code_for(system, email)
    assert verify(system, f"  {email.upper()} ", code).status_code == 200
    assert send(system, f" {email.title()}\t").status_code == 200
    assert system.sql("select count(*) from users where lower(email) = :email", email=email) == [[1]]


def test_a_phone_is_refused_with_words_that_say_why(system: System):
    answer = send(system, None, phone="+919876543210")
    assert answer.status_code == 422
    assert "email" in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "phone"


@pytest.mark.parametrize("body", [{}, {"email": None}, {"email": "a@b.example", "phone": "+919876543210"}])
def test_exactly_one_of_email_and_phone_is_sent(system: System, body: dict[str, object]):
    answer = system.call("auth", "POST", "/api/v1/auth/send-otp", json=body, headers=new_client_header())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@b",
        "@b.example",
        "a@@b.example",
        "a b@c.example",
        "<a@b.example>",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example\n.",
        "a\x00@b.example",
        "a" * 250 + "@b.example",
        5,
        ["a@b.example"],
        {"x": 1},
        True,
    ],
)
def test_what_is_no_address_is_refused_and_mails_nobody(system: System, email: object):
    assert send(system, email).status_code == 422
    for to in ("a@b.example", "c@d.example", str(email) or "nobody"):
        assert system.mails(to) == []


@pytest.mark.parametrize(
    "email",
    ["a..b{}@c.example", ".a{}@c.example", "a{}@c..example", "a{}@-c.example", "ü{}@müller.example", "a{}@c.example."],
)
def test_an_odd_address_is_refused_or_mailed_but_breaks_nothing(system: System, email: str):
    assert send(system, email.format(new_client_header()["X-Forwarded-For"])).status_code in {200, 422}


def test_an_unknown_field_is_refused_and_named(system: System):
    answer = send(system, address(), role="admin")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "role"


def test_who_signs_in_for_the_first_time_is_a_new_customer_and_only_then(system: System):
    email = address()
    first, second = (verify(system, email, code_for(system, email)).json() for _ in range(2))
    assert (first["is_new_user"], second["is_new_user"]) == (True, False)
    assert first["role"] == second["role"] == "customer"
    assert set(first) == {"access_token", "refresh_token", "token_type", "expires_in", "role", "is_new_user"}
    assert first["token_type"].lower() == "bearer"


def test_wrong_used_expired_and_deactivated_are_one_answer(system: System):
    email = address()
    code = code_for(system, email)
    answers = [verify(system, email, other(code)), verify(system, address(), code)]
    assert verify(system, email, code).status_code == 200
    answers.append(verify(system, email, code))
    again = code_for(system, email)
    system.sql("update users set is_active = false where email = :email", email=email)
    answers.append(verify(system, email, again))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["code"] == "otp_invalid"


def test_a_new_code_voids_the_one_before(system: System):
    email = address()
    first, second = code_for(system, email), code_for(system, email)
    if first != second:
        assert verify(system, email, first).status_code == 401
    assert verify(system, email, second).status_code == 200


def test_the_sixth_guess_is_wrong_even_when_it_is_right(system: System):
    email = address()
    code = code_for(system, email)
    assert [verify(system, email, other(code)).status_code for _ in range(5)] == [401] * 5
    assert verify(system, email, code).status_code == 401


@pytest.mark.parametrize("otp", ["12345", "1234567", "12345a", "", 123456, "１２３４５６", None])
def test_what_is_no_code_is_refused_before_it_is_compared(system: System, otp: object):
    assert verify(system, address(), otp).status_code == 422  # type: ignore[arg-type]


def test_a_second_code_within_half_a_minute_is_refused_with_the_time_to_wait(system: System):
    email, who = address(), new_client_header()
    answers = [
        system.call("auth", "POST", "/api/v1/auth/send-otp", json={"email": email}, headers=who) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 30
    assert answers[1].json()["code"] == "otp_limited"
    assert answers[1].headers["Content-Type"] == "application/problem+json"


def test_only_the_last_hop_of_forwarded_for_tells_who_a_client_is(system: System):
    """Fails when the first entry is read: a client could then name itself anew with each request."""
    email, last = address(), new_client_header()["X-Forwarded-For"]
    answers = []
    for first in ("203.0.113.1", "203.0.113.2"):
        hops = {"X-Forwarded-For": f"{first}, {last}"}
        answers.append(system.call("auth", "POST", "/api/v1/auth/send-otp", json={"email": email}, headers=hops))
    assert [answer.status_code for answer in answers] == [200, 429]


def test_the_mail_holds_the_code_in_its_text_and_not_in_its_subject(system: System):
    email = address()
    code = code_for(system, email)
    mail = system.mails(email)[0]
    assert code in mail["text"]
    assert code not in mail["subject"]
