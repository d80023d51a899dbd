"""Mail providers: Resend, SMTP and, on a developer's machine, the console."""

import ipaddress
import re
import smtplib
import ssl
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from hashlib import sha256
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import requests

from infra.outside import assert_outside_transaction
from shared.kit.log import fields, logger
from shared.notifications.mail import Mail, Mailer, MailUndeliverable

SECONDS: Final = 3.0

_log = logger(__name__)


class FallbackMailer:
    """A `Mailer` that tries several providers in order until one accepts the mail.

    One provider's final refusal (an unverified domain, a blocked recipient) does not apply to the next.
    """

    def __init__(self, mailers: Sequence[Mailer]) -> None:
        self._mailers = mailers

    def send(self, mail: Mail) -> None:
        for mailer in self._mailers:
            try:
                return mailer.send(mail)
            except MailUndeliverable as error:
                provider = type(mailer).__name__
                _log.warning("mail not sent", extra=fields(provider=provider, reason=error.reason, mail=mail.id))
        raise MailUndeliverable("no provider accepted the mail")


class ResendMailer:
    """Sends through Resend's API (resend.com/docs/api-reference); `Idempotency-Key` makes a repeated send one mail.

    `sender` is `Name <address>`; a send ends within about three seconds.
    """

    def __init__(self, api_key: str, sender: str, url: str = "https://api.resend.com") -> None:
        self._api_key, self._sender, self._url = api_key, sender, url.rstrip("/")

    def send(self, mail: Mail) -> None:
        assert_outside_transaction()
        headers = {"Authorization": f"Bearer {self._api_key}", "Idempotency-Key": mail.id}
        try:
            with requests.Session() as session:
                session.trust_env = False  # a .netrc or a proxy variable must not replace the key or see it
                response = session.post(
                    f"{self._url}/emails",
                    json=self._body(mail),
                    headers=headers,
                    timeout=(SECONDS / 3, SECONDS * 2 / 3),
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise MailUndeliverable(type(error).__name__) from None  # its text may quote the request
        if not 200 <= response.status_code < 300:
            raise MailUndeliverable(f"HTTP {response.status_code} {_error_name(response)}".rstrip())

    def _body(self, mail: Mail) -> dict[str, str | list[str]]:
        return {
            "from": self._sender,
            "to": [mail.to],
            "subject": _one_line(mail.subject),
            "text": mail.text,
            "html": mail.html,
        }


class SmtpMailer:
    """Sends by SMTP within about three seconds, the whole conversation counted.

    `url` is `smtp://user:password@host:587` or `smtps://…:465`. Beyond this machine TLS is used when it is offered,
    and a password is never sent without it. `sender` is `Name <address>`.
    """

    def __init__(self, url: str, sender: str) -> None:
        self._server, self._sender = urlsplit(url), sender
        if self._server.scheme not in {"smtp", "smtps"} or not self._server.hostname:
            raise ValueError("SMTP_URL is not smtp://host:port or smtps://host:port")
        self._address = parseaddr(sender)[1]

    def send(self, mail: Mail) -> None:
        assert_outside_transaction()
        message = self._message(mail)
        try:
            self._transmit(message, mail.to)
        except (OSError, UnicodeError) as error:  # smtplib's own errors are among them
            code = getattr(error, "smtp_code", "")
            raise MailUndeliverable(f"{type(error).__name__} {code}".rstrip()) from None  # its text quotes addresses

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = _one_line(mail.subject)
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{sha256(mail.id.encode()).hexdigest()[:32]}@{self._domain}>"
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message

    def _transmit(self, message: EmailMessage, to: str) -> None:
        smtp = _connect(self._server, self._domain)
        try:
            _log_in(smtp, self._server)
            smtp.send_message(message, self._address, [to])
        finally:
            with suppress(OSError):  # an accepted mail stays accepted, even if QUIT fails
                smtp.quit()
            smtp.close()

    @property
    def _domain(self) -> str:
        return self._address.rpartition("@")[2]


class ConsoleMailer:
    """Writes the mail to standard error, codes included: for a developer's machine, and refused anywhere else."""

    def __init__(self, environment: str) -> None:
        if environment not in {"local", "test"}:
            raise ValueError("mail is written to the console in development only")

    def send(self, mail: Mail) -> None:
        sys.stderr.write(f"\nMail to {mail.to}: {_one_line(mail.subject)}\n{mail.text}\n\n")


class _DeadlineSmtp(smtplib.SMTP):
    """SMTP with one deadline for the conversation: each reply may take only the remaining time, not a full timeout."""

    def __init__(self, host: str, port: int, local_hostname: str, **options: Any) -> None:
        self._ends = time.monotonic() + SECONDS
        super().__init__(host, port, local_hostname, timeout=SECONDS, **options)

    def getreply(self) -> tuple[int, bytes]:
        if self.sock is not None:
            self.sock.settimeout(max(self._ends - time.monotonic(), 0.001))
        return super().getreply()


class _DeadlineSmtpTls(_DeadlineSmtp, smtplib.SMTP_SSL):
    """The same over implicit TLS."""


def _connect(server: SplitResult, local_hostname: str) -> smtplib.SMTP:
    host = str(server.hostname)
    if server.scheme == "smtps":
        # Without an explicit context smtplib would not verify the certificate.
        return _DeadlineSmtpTls(host, server.port or 465, local_hostname, context=ssl.create_default_context())
    return _DeadlineSmtp(host, server.port or 587, local_hostname)


def _log_in(smtp: smtplib.SMTP, server: SplitResult) -> None:
    smtp.ehlo_or_helo_if_needed()
    private = server.scheme == "smtps" or _is_loopback(str(server.hostname))
    if not private and smtp.has_extn("starttls"):
        smtp.starttls(context=ssl.create_default_context())
        private = True
    if server.username:
        if not private:
            raise smtplib.SMTPNotSupportedError("no TLS offered, so no password sent")
        smtp.login(unquote(server.username), unquote(server.password or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error_name(response: requests.Response) -> str:
    # Resend's `name` is a word such as validation_error; its `message` may quote the recipient.
    named = re.search(rb'"name"\s*:\s*"([a-z_]{1,60})"', response.content)
    return named[1].decode() if named else ""


def _one_line(subject: str) -> str:
    # A line break would start another header.
    return " ".join(subject.split())
