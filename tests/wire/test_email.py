"""Mail as it leaves: over real SMTP, to a server that speaks Resend's protocol, and past those that do not work."""

import asyncio
import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_string
from email.policy import default as mail_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.email import SECONDS, ConsoleMailer, FirstThatWorks, ResendMailer, SmtpMailer
from infra.outside import CalledInsideTransaction, transaction_open
from shared.notifications.mail import Mail, MailUndeliverable
from tests.mail_server import MailServer

SENDER = "Sizzle <hello@sizzle.example>"
KEY = "re_secret"
MAIL = Mail(
    to="asha@example.com",
    subject="Ihr Code für Sizzle: ₹ आशा",
    text="Der Code ist 123456.\n.\nGrüße, " + "a long line " * 20,
    html="<p>Der Code ist <b>123456</b>. Grüße</p>",
    id="otp.7f3a",
)


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def inbox(server: MailServer) -> MailServer:
    server.flush()
    return server


class Resend(ThreadingHTTPServer):
    """As much of Resend as sending takes: the key, the idempotency keys of a day, the refusals."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ResendHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[dict[str, object]] = []
        self.sent: dict[str, dict[str, object]] = {}
        self.fails: tuple[int, bytes] | None = None
        self.ending = threading.Event()
        self.hangs = False

    def accept(self, key: str, body: dict[str, object]) -> tuple[int, bytes]:
        if body["to"] == ["bad@example"]:
            refused = {"statusCode": 422, "name": "validation_error", "message": f"Invalid `to`: {body['to']}"}
            return 422, json.dumps(refused).encode()
        if self.sent.setdefault(key, body) != body:
            return 409, b'{"statusCode": 409, "name": "invalid_idempotent_request"}'
        return 200, b'{"id": "49a3999c"}'


class ResendHandler(BaseHTTPRequestHandler):
    server: Resend

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        self.server.requests.append({"path": self.path, "key": key, "body": body})
        if self.server.hangs:
            self.server.ending.wait(10)
            return
        status, answer = self.server.fails or self.server.accept(key, body)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            status, answer = 403, b'{"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}'
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def resend() -> Iterator[Resend]:
    with Resend() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.ending.set()
        running.shutdown()
        thread.join()


# Resend


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
def test_a_refusal_of_resend_names_its_kind_and_nobody(resend: Resend, mail: Mail, reason: str) -> None:
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


# SMTP


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


def test_an_address_beyond_ascii_reaches_a_server_that_takes_it(inbox: MailServer) -> None:
    SmtpMailer(inbox.smtp_url, SENDER).send(replace(MAIL, to="आशा@example.com"))
    (mail,) = inbox.mails("आशा@example.com")
    assert mail.subject == MAIL.subject


def test_a_refusal_by_smtp_tells_a_code_and_nobody(inbox: MailServer) -> None:
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
    """Answers each command, and each late."""

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


# SMTP with TLS and a password. 0.0.0.0 reaches this machine and is no loopback address by name.


class Keeping:
    def __init__(self) -> None:
        self.kept: list[tuple[bool, str]] = []
        self.passwords: list[bytes] = []

    def authenticate(self, _server, _session, _envelope, _mechanism, data: LoginPassword) -> AuthResult:
        self.passwords.append(data.password)
        return AuthResult(success=(data.login, data.password) == (b"us er", b"p@ss"), handled=False)

    async def handle_DATA(self, _server, session, envelope) -> str:  # noqa: N802
        self.kept.append((session.ssl is not None, envelope.rcpt_tos[0]))
        return "250 Kept"


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def smtp_server(handler: object, **options: object) -> Iterator[int]:
    controller = AnyPort(handler, hostname="127.0.0.1", port=0, server_hostname="test", **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    names = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "0.0.0.0")]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    written = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    written.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return written


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_tls_is_taken_where_it_is_offered_and_the_password_goes_inside_it(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    handler = Keeping()
    with smtp_server(handler, tls_context=tls, authenticator=handler.authenticate) as port:
        SmtpMailer(f"smtp://us%20er:p%40ss@0.0.0.0:{port}", SENDER).send(MAIL)
        with pytest.raises(MailUndeliverable) as caught:
            SmtpMailer(f"smtp://us%20er:wrong@0.0.0.0:{port}", SENDER).send(MAIL)
    assert handler.kept == [(True, MAIL.to)]
    assert caught.value.reason == "SMTPAuthenticationError 535"


def test_a_certificate_nobody_vouches_for_is_not_talked_to(tls: ssl.SSLContext) -> None:
    handler = Keeping()
    options = {"tls_context": tls, "authenticator": handler.authenticate}
    with smtp_server(handler, **options) as port, pytest.raises(MailUndeliverable) as caught:
        SmtpMailer(f"smtp://us%20er:p%40ss@0.0.0.0:{port}", SENDER).send(MAIL)
    assert caught.value.reason == "SSLCertVerificationError"
    assert handler.passwords == []


def test_a_password_is_never_sent_in_the_clear_beyond_this_machine() -> None:
    handler = Keeping()
    options = {"authenticator": handler.authenticate, "auth_require_tls": False}
    with smtp_server(handler, **options) as port:
        with pytest.raises(MailUndeliverable):
            SmtpMailer(f"smtp://us%20er:p%40ss@0.0.0.0:{port}", SENDER).send(MAIL)
        assert handler.passwords == []
        SmtpMailer(f"smtp://us%20er:p%40ss@127.0.0.1:{port}", SENDER).send(MAIL)
    assert handler.passwords == [b"p@ss"]


def test_smtps_is_tls_from_the_first_byte_with_a_certificate_that_is_looked_at(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Keeping()
    with smtp_server(handler, ssl_context=tls) as port:
        with pytest.raises(MailUndeliverable) as caught:
            SmtpMailer(f"smtps://127.0.0.1:{port}", SENDER).send(MAIL)
        assert caught.value.reason == "SSLCertVerificationError"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        SmtpMailer(f"smtps://127.0.0.1:{port}", SENDER).send(MAIL)
    assert [to for _, to in handler.kept] == [MAIL.to]


# One after the other


class Remembering:
    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        self.mails: list[Mail] = []

    def send(self, mail: Mail) -> None:
        self.mails.append(mail)
        if self.reason:
            raise MailUndeliverable(self.reason)


def test_the_first_provider_that_works_is_the_only_one_that_sends() -> None:
    down, works, spare = Remembering("down"), Remembering(), Remembering()
    FirstThatWorks([down, works, spare]).send(MAIL)
    assert (down.mails, works.mails, spare.mails) == ([MAIL], [MAIL], [])


def test_smtp_delivers_what_resend_refuses_for_good_and_the_log_names_no_person(
    inbox: MailServer, resend: Resend, caplog: pytest.LogCaptureFixture
) -> None:
    mail = replace(MAIL, to="bad@example")
    FirstThatWorks([ResendMailer(KEY, SENDER, resend.url), SmtpMailer(inbox.smtp_url, SENDER)]).send(mail)
    assert [caught.to for caught in inbox.mails()] == ["bad@example"]
    (record,) = (record for record in caplog.records if record.name == "infra.email")
    assert record.fields == {"provider": "ResendMailer", "reason": "HTTP 422 validation_error", "mail": "otp.7f3a"}
    assert "bad@" not in str(record.__dict__)
    assert "123456" not in str(record.__dict__)


@pytest.mark.parametrize("mailers", [[], [Remembering("down"), Remembering("refused")]], ids=["none", "all refuse"])
def test_a_mail_nobody_takes_is_undeliverable(mailers: list[Remembering]) -> None:
    with pytest.raises(MailUndeliverable):
        FirstThatWorks(mailers).send(MAIL)


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
