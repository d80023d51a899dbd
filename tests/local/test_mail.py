"""The mail catcher over HTTP, as a person, a test and `make dev` use it."""

import re
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests

from infra.local.mail import MailCatcher
from tests.mail_server import MailServer
from tests.waiting import started, until

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def mail(server: MailServer) -> MailServer:
    server.flush()
    return server


def deliver(smtp_url: str, source: bytes, *recipients: str) -> None:
    port = int(smtp_url.rpartition(":")[2])
    with smtplib.SMTP("127.0.0.1", port, local_hostname="test", timeout=20) as smtp:
        smtp.sendmail("from@sizzle.example", recipients or ["asha@example.com"], source)


def written(subject: str = "Hello", text: str = "text", html: str = "<p>html</p>") -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return bytes(message)


def listed(mail: MailServer, **query: str) -> list[dict[str, str]]:
    return requests.get(f"{mail.url}/_local/mail", params=query, timeout=20).json()


def page(mail: MailServer, path: str = "/_local/mail") -> str:
    answer = requests.get(mail.url + path, headers=BROWSER, timeout=20)
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.text


def first_of(front: str) -> str:
    """Return the path of the newest mail."""
    return re.search(r'href="(/_local/mail/\d+)"', front)[1]  # type: ignore[index]


def test_a_mail_comes_out_as_it_was_written(mail: MailServer) -> None:
    deliver(mail.smtp_url, written("Ihr Code: ₹ 123 456", "Grüße, आशा", "<p>Grüße, <b>आशा</b></p>"))
    (only,) = listed(mail)
    assert set(only) == {"to", "subject", "text", "html", "at"}
    assert only["to"] == "asha@example.com"
    assert only["subject"] == "Ihr Code: ₹ 123 456"
    assert only["text"].strip() == "Grüße, आशा"
    assert only["html"].strip() == "<p>Grüße, <b>आशा</b></p>"
    assert only["at"].endswith("+00:00")


def test_the_newest_stands_first_and_a_limit_keeps_the_newest(mail: MailServer) -> None:
    for subject in ("one", "two", "three"):
        deliver(mail.smtp_url, written(subject))
    assert [each["subject"] for each in listed(mail)] == ["three", "two", "one"]
    assert [each["subject"] for each in listed(mail, limit="1")] == ["three"]


def test_one_recipient_sees_their_own_mail_only(mail: MailServer) -> None:
    deliver(mail.smtp_url, written("both"), "a@example.com", "b@example.com")
    deliver(mail.smtp_url, written("hers"), "a@example.com")
    assert [each["subject"] for each in listed(mail, to="A@Example.com")] == ["hers", "both"]
    assert [each["subject"] for each in listed(mail, to="b@example.com")] == ["both"]
    assert listed(mail, to="nobody@example.com") == []


def test_a_mail_that_is_plain_text_alone_or_of_an_unknown_charset_is_readable(mail: MailServer) -> None:
    deliver(mail.smtp_url, b"Subject: a\r\n\r\nJust words\r\n")
    deliver(mail.smtp_url, b"Content-Type: text/plain; charset=martian\r\n\r\nJust words\r\n")
    strange, plain = listed(mail)
    assert (plain["text"].strip(), plain["html"]) == ("Just words", "")
    assert (strange["text"].strip(), strange["subject"]) == ("Just words", "")


def test_a_browser_gets_pages_and_a_program_gets_json_at_the_same_address(mail: MailServer) -> None:
    deliver(mail.smtp_url, written("Your code", "is 123456", "<p>is <b>123456</b></p>"))
    front = page(mail)
    assert "Your code" in front
    assert "asha@example.com" in front
    link = first_of(front)
    assert "is 123456" in page(mail, link)
    assert requests.get(f"{mail.url}/_local/mail", headers={"Accept": "*/*"}, timeout=20).json()


def test_nothing_a_mail_contains_runs_in_the_page_that_shows_it(mail: MailServer) -> None:
    evil = '"><script>alert(1)</script>'
    deliver(mail.smtp_url, written(evil, evil, f"{evil}<img src=x onerror=alert(1)>"), "x@example.com")
    front = page(mail)
    detail = page(mail, first_of(front))
    for shown in (front, detail):
        assert "<script" not in shown
        assert "<img" not in shown
    assert "<iframe sandbox " in detail
    policy = requests.get(f"{mail.url}/_local/mail", headers=BROWSER, timeout=20).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_the_source_is_the_mail_byte_for_byte_and_plain_text_to_a_browser(mail: MailServer) -> None:
    deliver(mail.smtp_url, b"Subject: a\r\n\r\n<b>hm</b>\r\n")
    link = first_of(page(mail))
    source = requests.get(f"{mail.url}{link}/source", timeout=20)
    assert source.text == "Subject: a\r\n\r\n<b>hm</b>\r\n"
    assert source.headers["Content-Type"].startswith("text/plain")
    assert source.headers["X-Content-Type-Options"] == "nosniff"


def test_emptying_leaves_nothing(mail: MailServer) -> None:
    deliver(mail.smtp_url, written())
    assert requests.delete(f"{mail.url}/_local/mail", timeout=20).status_code == 204
    assert listed(mail) == []
    assert "Nothing yet" in page(mail)


def test_a_mail_that_is_not_there_is_not_found(mail: MailServer) -> None:
    for path in ("/_local/mail/999999", "/_local/mail/999999/source"):
        assert requests.get(mail.url + path, timeout=20).status_code == 404


def test_it_refuses_mail_when_told_to_and_takes_it_again_after(mail: MailServer) -> None:
    faults = f"{mail.url}/_local/mail/faults"
    requests.post(faults, json={"mode": "refuse"}, timeout=20).raise_for_status()
    with pytest.raises(smtplib.SMTPDataError):
        deliver(mail.smtp_url, written())
    requests.post(faults, json={"mode": "none"}, timeout=20).raise_for_status()
    deliver(mail.smtp_url, written())
    assert requests.post(faults, json={"mode": "explode"}, timeout=20).status_code == 400


def test_mail_survives_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        catcher = MailCatcher(tmp_path)
        catcher.start()
        try:
            deliver(catcher.smtp_url, written())
            assert len(catcher.mailbox.newest()) == expected
        finally:
            catcher.stop()


def test_as_a_process_it_says_when_it_is_ready_and_ends_cleanly_at_sigterm(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        smtp_port, port = one.getsockname()[1], two.getsockname()[1]
    words = [sys.executable, "-m", "infra.local.mail", "--smtp-port", str(smtp_port), "--port", str(port)]
    with started([*words, "--data", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until(lambda: healthy(f"http://127.0.0.1:{port}"))
        deliver(f"smtp://127.0.0.1:{smtp_port}", written("Secret subject"))
        process.terminate()
        output, complained = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"Secret" not in output + complained
    assert b"asha@" not in output + complained


def healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False
