"""A mail, and the port of its sender."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from shared.kit.errors import DependencyDown

# One bare address: no character that could end a header, add a recipient or start a quoted string.
_ADDRESS: Final = re.compile(r'[^\s\x00-\x1f\x7f<>()\[\]:;@\\,"]+@[^\s\x00-\x1f\x7f<>()\[\]:;@\\,"]+')
_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True)
class Mail:
    """One mail to one recipient.

    `to` is a bare address; `text` and `html` have the same content. `id` (1 to 256 printable ASCII characters, no
    personal data) stays the same when the mail is sent again, so that a duplicate can be recognised.
    """

    to: str
    subject: str
    text: str
    html: str
    id: str

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.to):
            raise ValueError("to is not one bare mail address")
        if not _ID.fullmatch(self.id):
            raise ValueError("id is not 1 to 256 printable ASCII characters")


class MailUndeliverable(DependencyDown):
    """No mail provider accepted the mail. `reason` is for the log: a provider and a code, no address, no text."""

    def __init__(self, reason: str) -> None:
        super().__init__("The mail could not be sent. Please try again in a moment.")
        self.reason = reason


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Send a mail and return once a provider has accepted it; raises `MailUndeliverable`."""
