"""An SMTP server that keeps what it is given, on free ports, for tests."""

from typing import Self

from infra.local.mail import Caught, MailCatcher, Mode


class MailServer:
    """Started by being made; `smtp_url` is where mail goes, `mails` what came."""

    def __init__(self) -> None:
        self._catcher = MailCatcher()
        self._catcher.start()
        self.url = self._catcher.url
        self.smtp_url = self._catcher.smtp_url

    def mails(self, to: str | None = None) -> list[Caught]:
        """Return what came, newest first; for one recipient when asked."""
        return list(self._catcher.mailbox.newest(to).values())

    def sources(self) -> list[str]:
        """Return what came as it went over the wire, newest first."""
        box = self._catcher.mailbox
        return [str(box.source(number), "utf-8") for number in box.newest()]

    def misbehave(self, mode: Mode) -> None:
        """Refuse every mail, or never answer; `none` ends it."""
        self._catcher.smtp.mode = mode

    def flush(self) -> None:
        """Forget every mail and behave again."""
        self._catcher.mailbox.empty()
        self.misbehave("none")

    def stop(self) -> None:
        self._catcher.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
