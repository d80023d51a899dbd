"""An SMTP server on free ports that records mails, for tests."""

from typing import Self

from infra.local.mail import Caught, MailCatcher, Mode


class MailServer:
    """An SMTP server that starts when constructed; mail goes to `smtp_url` and appears in `mails`."""

    def __init__(self) -> None:
        self._catcher = MailCatcher()
        self._catcher.start()
        self.url = self._catcher.url
        self.smtp_url = self._catcher.smtp_url

    def mails(self, to: str | None = None) -> list[Caught]:
        """Return the received mails, newest first, optionally for one recipient."""
        return list(self._catcher.mailbox.newest(to).values())

    def sources(self) -> list[str]:
        """Return the received mails' raw sources, newest first."""
        box = self._catcher.mailbox
        return [str(box.source(number), "utf-8") for number in box.newest()]

    def misbehave(self, mode: Mode) -> None:
        """Refuse every mail, or never answer; `none` restores the server."""
        self._catcher.smtp.mode = mode

    def flush(self) -> None:
        """Delete every mail and restore the server."""
        self._catcher.mailbox.empty()
        self.misbehave("none")

    def stop(self) -> None:
        self._catcher.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
