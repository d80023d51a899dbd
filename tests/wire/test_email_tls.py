"""SMTP with TLS and a password. 0.0.0.0 reaches this machine and is no loopback address by name."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.email import SmtpMailer
from shared.notifications.mail import MailUndeliverable
from tests.wire.mail_providers import MAIL, SENDER
from tests.wire.smtp_servers import smtp_server


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


def test_an_untrusted_certificate_is_refused(tls: ssl.SSLContext) -> None:
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
