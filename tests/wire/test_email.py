"""Rules of every mailer, and fallback past failing ones."""

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string
from email.policy import default as mail_policy

import pytest

from infra.email import ConsoleMailer, FallbackMailer, ResendMailer, SmtpMailer
from infra.outside import CalledInsideTransaction, transaction_open
from shared.notifications.mail import Mail, MailUndeliverable
from tests.mail_server import MailServer
from tests.wire.mail_providers import KEY, MAIL, SENDER, Resend, running_resend


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def inbox(server: MailServer) -> MailServer:
    server.flush()
    return server


@pytest.fixture
def resend() -> Iterator[Resend]:
    with running_resend() as running:
        yield running


class Remembering:
    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        self.mails: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.mails.append(mail)
        if self.reason:
            raise MailUndeliverable(self.reason)


def test_a_subject_cannot_smuggle_a_header(inbox: MailServer, resend: Resend) -> None:
    evil = replace(MAIL, subject="Hello\r\nBcc: victim@example.com\r\n\r\nbody\u2028x")
    SmtpMailer(inbox.smtp_url, SENDER).send(evil)
    ResendMailer(KEY, SENDER, resend.url).send(evil)
    (source,) = inbox.sources()
    message = message_from_string(source, policy=mail_policy)
    assert message["Bcc"] is None
    assert message["Subject"] == "Hello Bcc: victim@example.com body x"
    assert [mail.to for mail in inbox.mails()] == [MAIL.to]
    assert resend.requests[0]["body"]["subject"] == "Hello Bcc: victim@example.com body x"


@pytest.mark.parametrize(
    "to",
    [
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com, b@example.com",
        "Asha <a@example.com>",
        "a@b@example.com",
        "a@example.com\n",
        "a\x00@example.com",
        '"a b"@example.com',
        "@example.com",
        "",
    ],
)
def test_a_mail_has_exactly_one_bare_address(to: str) -> None:
    with pytest.raises(ValueError, match="one bare mail address"):
        replace(MAIL, to=to)


@pytest.mark.parametrize("identity", ["", "a b", "a\r\nX: y", "x" * 257, "é"])
def test_a_mails_id_fits_into_a_header_anywhere(identity: str) -> None:
    with pytest.raises(ValueError, match="id is not"):
        replace(MAIL, id=identity)


def test_the_first_provider_that_works_is_the_only_one_that_sends() -> None:
    down, works, spare = Remembering("down"), Remembering(), Remembering()
    FallbackMailer([down, works, spare]).send(MAIL)
    assert (down.mails, works.mails, spare.mails) == ([MAIL], [MAIL], [])


def test_smtp_delivers_what_resend_refuses_for_good_and_the_log_names_no_person(
    inbox: MailServer, resend: Resend, caplog: pytest.LogCaptureFixture
) -> None:
    mail = replace(MAIL, to="bad@example")
    FallbackMailer([ResendMailer(KEY, SENDER, resend.url), SmtpMailer(inbox.smtp_url, SENDER)]).send(mail)
    assert [caught.to for caught in inbox.mails()] == ["bad@example"]
    (record,) = (record for record in caplog.records if record.name == "infra.email")
    assert record.fields == {"provider": "ResendMailer", "reason": "HTTP 422 validation_error", "mail": "otp.7f3a"}
    assert "bad@" not in str(record.__dict__)
    assert "123456" not in str(record.__dict__)


@pytest.mark.parametrize("mailers", [[], [Remembering("down"), Remembering("refused")]], ids=["none", "all refuse"])
def test_a_mail_refused_by_every_mailer_is_undeliverable(mailers: list[Remembering]) -> None:
    with pytest.raises(MailUndeliverable):
        FallbackMailer(mailers).send(MAIL)


def test_the_console_shows_the_mail_in_development_and_is_refused_elsewhere(capsys: pytest.CaptureFixture) -> None:
    ConsoleMailer("local").send(MAIL)
    assert "123456" in capsys.readouterr().err
    for environment in ("production", "staging", ""):
        with pytest.raises(ValueError, match="development only"):
            ConsoleMailer(environment)


def test_no_mail_leaves_inside_a_database_transaction(inbox: MailServer, resend: Resend) -> None:
    for mailer in (ResendMailer(KEY, SENDER, resend.url), SmtpMailer(inbox.smtp_url, SENDER)):
        with transaction_open(), pytest.raises(CalledInsideTransaction):
            mailer.send(MAIL)
    assert (inbox.mails(), resend.requests) == ([], [])
