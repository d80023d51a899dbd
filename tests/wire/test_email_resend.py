"""Mail to a server that speaks Resend's protocol."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.email import SECONDS, ResendMailer
from shared.notifications.mail import Mail, MailUndeliverable
from tests.wire.mail_providers import KEY, MAIL, SENDER, Resend, running_resend


@pytest.fixture
def resend() -> Iterator[Resend]:
    with running_resend() as running:
        yield running


def test_resend_is_given_the_whole_mail_under_its_own_idempotency_key(resend: Resend) -> None:
    ResendMailer(KEY, SENDER, f"{resend.url}/").send(MAIL)
    assert resend.requests == [
        {
            "path": "/emails",
            "key": "otp.7f3a",
            "body": {
                "from": SENDER,
                "to": ["asha@example.com"],
                "subject": MAIL.subject,
                "text": MAIL.text,
                "html": MAIL.html,
            },
        }
    ]


def test_a_mail_sent_twice_through_resend_is_one_mail(resend: Resend) -> None:
    for _ in range(2):
        ResendMailer(KEY, SENDER, resend.url).send(MAIL)
    assert len(resend.requests) == 2
    assert len(resend.sent) == 1


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        (replace(MAIL, to="bad@example"), "HTTP 422 validation_error"),
        (replace(MAIL, id="taken"), "HTTP 409 invalid_idempotent_request"),
    ],
    ids=["422", "409"],
)
def test_a_resend_refusal_names_its_kind_and_no_person(resend: Resend, mail: Mail, reason: str) -> None:
    resend.sent["taken"] = {}
    with pytest.raises(MailUndeliverable) as caught:
        ResendMailer(KEY, SENDER, resend.url).send(mail)
    assert caught.value.reason == reason
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("answer", [(500, b"<html>"), (429, b'{"name": "daily_quota_exceeded"}'), (302, b"")])
def test_anything_but_success_from_resend_is_undeliverable(resend: Resend, answer: tuple[int, bytes]) -> None:
    resend.fails = answer
    with pytest.raises(MailUndeliverable, match="could not be sent"):
        ResendMailer(KEY, SENDER, resend.url).send(MAIL)
    with pytest.raises(MailUndeliverable) as caught:
        ResendMailer("wrong", SENDER, resend.url).send(MAIL)
    assert "wrong" not in caught.value.reason


def test_a_resend_that_never_answers_is_given_up_within_three_seconds(
    resend: Resend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SECONDS == 3.0
    monkeypatch.setattr("infra.email.SECONDS", 0.3)
    resend.hangs = True
    began = time.monotonic()
    with pytest.raises(MailUndeliverable) as caught:
        ResendMailer(KEY, SENDER, resend.url).send(MAIL)
    assert time.monotonic() - began < 0.6
    assert caught.value.reason == "ReadTimeout"
