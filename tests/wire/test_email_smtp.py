"""Mail as it leaves over real SMTP."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string
from email.policy import default as mail_policy

import pytest

from infra.email import SmtpMailer
from shared.notifications.mail import MailUndeliverable
from tests.mail_server import MailServer
from tests.wire.mail_providers import MAIL, SENDER
from tests.wire.smtp_servers import smtp_server


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def inbox(server: MailServer) -> MailServer:
    server.flush()
    return server


def test_a_mail_arrives_by_smtp_as_it_was_written(inbox: MailServer) -> None:
    SmtpMailer(inbox.smtp_url, "Küche ₹ <hello@sizzle.example>").send(MAIL)
    (mail,) = inbox.mails()
    assert (mail.to, mail.subject) == (MAIL.to, MAIL.subject)
    assert (mail.text.strip(), mail.html.strip()) == (MAIL.text.strip(), MAIL.html)
    (source,) = inbox.sources()
    assert source.isascii()
    message = message_from_string(source, policy=mail_policy)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["From"].addresses[0].display_name == "Küche ₹"
    assert message["Date"].datetime.tzinfo is not None


def test_a_repeated_mail_carries_the_same_message_id_and_another_mail_another(inbox: MailServer) -> None:
    mailer = SmtpMailer(inbox.smtp_url, SENDER)
    for mail in (MAIL, MAIL, replace(MAIL, id="otp.other")):
        mailer.send(mail)
    other, again, first = (message_from_string(source)["Message-ID"] for source in inbox.sources())
    assert first == again != other
    assert first.endswith("@sizzle.example>")


def test_an_address_beyond_ascii_reaches_a_server_that_takes_it(inbox: MailServer) -> None:
    SmtpMailer(inbox.smtp_url, SENDER).send(replace(MAIL, to="आशा@example.com"))
    (mail,) = inbox.mails("आशा@example.com")
    assert mail.subject == MAIL.subject


def test_an_smtp_refusal_is_logged_by_code_without_the_recipient(inbox: MailServer) -> None:
    inbox.misbehave("refuse")
    with pytest.raises(MailUndeliverable) as caught:
        SmtpMailer(inbox.smtp_url, SENDER).send(MAIL)
    assert caught.value.reason == "SMTPDataError 554"


def test_an_smtp_server_that_never_answers_is_given_up_in_time(
    inbox: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.email.SECONDS", 0.3)
    inbox.misbehave("hang")
    began = time.monotonic()
    with pytest.raises(MailUndeliverable):
        SmtpMailer(inbox.smtp_url, SENDER).send(MAIL)
    assert time.monotonic() - began < 0.6


class Slow:
    """A handler that delays the reply to each command."""

    async def handle_EHLO(self, _server, _session, _envelope, _hostname, responses):  # noqa: N802
        await asyncio.sleep(0.2)
        return responses

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802
        await asyncio.sleep(0.2)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        await asyncio.sleep(0.2)
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_the_whole_smtp_conversation_is_bounded_not_each_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.email.SECONDS", 0.3)
    began = time.monotonic()
    with smtp_server(Slow()) as port, pytest.raises(MailUndeliverable):
        SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER).send(MAIL)
    assert time.monotonic() - began < 0.6


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "mail.example:25", "smtp://user:hush@"])
def test_an_address_that_is_no_smtp_server_is_said_at_once_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL") as caught:
        SmtpMailer(url, SENDER)
    assert "hush" not in str(caught.value)
