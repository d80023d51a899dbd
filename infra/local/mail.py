"""A local mail catcher: an SMTP server that stores every mail and shows it on a page.

`python -m infra.local.mail --smtp-port N --port M --data DIR`. `GET /_local/mail` is a JSON array, newest first
(`?to=` one recipient, `?limit=` a number), and a page in a browser; `DELETE` empties it. `POST /_local/mail/faults`
with `{"mode": "refuse" | "hang" | "none"}` makes SMTP misbehave.
"""

import argparse
import asyncio
import logging
import signal
import sqlite3
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as mail_policy
from pathlib import Path
from typing import Any, Final, Literal

from aiosmtpd.controller import Controller
from flask import Blueprint, Flask, Response, abort, jsonify, render_template_string, request
from markupsafe import Markup

from infra.local.serving import listen, page, wants_page

Mode = Literal["none", "refuse", "hang"]
_MODES: Final[tuple[Mode, ...]] = ("none", "refuse", "hang")


@dataclass(frozen=True)
class Caught:
    """One mail, decoded for display; `at` is ISO 8601 in UTC."""

    to: str
    subject: str
    text: str
    html: str
    at: str


class Mailbox:
    """All caught mails, as received; stored in `data`, or in memory if that is None."""

    def __init__(self, data: Path | None) -> None:
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
        place = ":memory:" if data is None else str(data / "mail.sqlite3")
        self._lock = threading.Lock()
        self._db = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        self._db.execute(
            "create table if not exists mails"
            " (id integer primary key, recipient text not null, at text not null, source blob not null)"
        )

    def add(self, recipient: str, source: bytes) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._rows("insert into mails (recipient, at, source) values (?, ?, ?)", recipient, at, source)

    def newest(self, recipient: str | None = None, limit: int = -1) -> dict[int, Caught]:
        """Return mails by number, newest first; optionally of one recipient (case is ignored) and up to `limit`."""
        rows = self._rows(
            "select id, recipient, at, source from mails where ? is null or recipient = ? collate nocase"
            " order by id desc limit ?",
            recipient,
            recipient,
            limit,
        )
        return {number: _read(to, at, source) for number, to, at, source in rows}

    def source(self, number: int) -> bytes | None:
        """Return a mail's raw bytes."""
        rows = self._rows("select source from mails where id = ?", number)
        return bytes(rows[0][0]) if rows else None

    def mail(self, number: int) -> Caught | None:
        rows = self._rows("select recipient, at, source from mails where id = ?", number)
        return _read(*rows[0]) if rows else None

    def empty(self) -> None:
        self._rows("delete from mails")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()


def _read(to: str, at: str, source: bytes) -> Caught:
    message = message_from_bytes(source, policy=mail_policy)
    return Caught(to, str(message["subject"] or ""), _body(message, "plain"), _body(message, "html"), at)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        content = str(part.get_content())
    except LookupError:  # an unknown charset
        content = bytes(part.get_payload(decode=True)).decode(errors="replace")
    return content.replace("\r\n", "\n")  # mail has CRLF


class _Smtp(Controller):
    """Accepts and stores a mail for any recipient, unless a fault is active."""

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        self._mailbox = mailbox
        self.mode: Mode = "none"
        super().__init__(self, hostname="127.0.0.1", port=port, server_hostname="mail.local")

    def _trigger_server(self) -> None:
        # The socket has a real port by now instead of 0, and the base class connects to it next.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.mode == "refuse":
            return "554 Refused, as asked"
        if self.mode == "hang":
            await asyncio.sleep(3600)
        for recipient in envelope.rcpt_tos:
            self._mailbox.add(recipient, envelope.content)
        return "250 Kept"


def _routes(mailbox: Mailbox, smtp: _Smtp) -> Blueprint:
    routes = Blueprint("mail", __name__)

    @routes.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @routes.get("/_local/mail")
    def mails() -> Response | str:
        found = mailbox.newest(request.args.get("to"), request.args.get("limit", -1, int))
        if not wants_page(request.accept_mimetypes):
            return jsonify([asdict(mail) for mail in found.values()])
        shown = page("Mails", Markup(render_template_string(_LIST, mails=found)))  # noqa: S704 - the template escapes
        return Response(shown, headers={"Refresh": str(_REFRESH_SECONDS)})

    @routes.delete("/_local/mail")
    def empty() -> tuple[str, int]:
        mailbox.empty()
        return "", 204

    @routes.get("/_local/mail/<int:number>")
    def mail(number: int) -> str:
        shown = mailbox.mail(number) or abort(404)
        inside = render_template_string(_MAIL, mail=shown, number=number)
        return page(shown.subject or "(no subject)", Markup(inside))  # noqa: S704 - the template escapes

    @routes.get("/_local/mail/<int:number>/html")
    def html(number: int) -> str:
        return (mailbox.mail(number) or abort(404)).html

    @routes.get("/_local/mail/<int:number>/source")
    def source(number: int) -> Response:
        return Response(mailbox.source(number) or abort(404), mimetype="text/plain")

    @routes.post("/_local/mail/faults")
    def faults() -> Response:
        mode = request.get_json().get("mode")
        smtp.mode = mode if mode in _MODES else abort(400)
        return jsonify(mode=mode)

    @routes.after_request
    def protected(response: Response) -> Response:
        # A mail is untrusted HTML: any style is allowed, and no script.
        response.headers.update({"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})
        return response

    return routes


class MailCatcher:
    """The catcher inside this process; port 0 takes a free one, which `smtp_url` and `url` contain."""

    def __init__(self, data: Path | None = None, smtp_port: int = 0, port: int = 0) -> None:
        logging.getLogger("mail.log").setLevel("ERROR")  # aiosmtpd's log would contain every recipient
        self.mailbox = Mailbox(data)
        self.smtp = _Smtp(self.mailbox, smtp_port)
        app = Flask(__name__)
        app.register_blueprint(_routes(self.mailbox, self.smtp))
        self._server = listen(app, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp.port}"

    def start(self) -> None:
        self.smtp.start()
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.smtp.stop()
        self.mailbox.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="An SMTP server on 127.0.0.1 that stores mail and shows it.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, default=None, help="folder for mail; in memory without it")
    given = parser.parse_args()
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, ending
    )  # before any thread starts, so that all threads leave the signal to sigwait
    catcher = MailCatcher(given.data, given.smtp_port, given.port)
    catcher.start()
    signal.sigwait(ending)
    catcher.stop()


_REFRESH_SECONDS: Final = 5
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; frame-src 'self';"
    " form-action 'none'; base-uri 'none'"
)
_LIST: Final = """<ul class="mails">{% for number, mail in mails.items() %}
<li><a href="/_local/mail/{{ number }}">{{ mail.subject or "(no subject)" }}</a>
<small>to {{ mail.to }}, <time datetime="{{ mail.at }}">{{ mail.at[:19] | replace("T", " ") }} UTC</time></small></li>
{% else %}<li>Nothing yet. Mails of the functions appear here.</li>{% endfor %}</ul>
"""
_MAIL: Final = """<dl><dt>To</dt><dd>{{ mail.to }}</dd>
<dt>At</dt><dd><time datetime="{{ mail.at }}">{{ mail.at[:19] | replace("T", " ") }} UTC</time></dd></dl>
{% if mail.html %}<iframe sandbox title="The mail" src="/_local/mail/{{ number }}/html"></iframe>{% endif %}
<h2>As text</h2><pre>{{ mail.text }}</pre>
<p>{% if mail.html %}<a href="/_local/mail/{{ number }}/html">The mail alone</a> · {% endif %}
<a href="/_local/mail/{{ number }}/source">Its source</a></p>
"""


if __name__ == "__main__":
    main()
