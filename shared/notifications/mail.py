"""A mail as the business words it, and the interface of its sender."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from shared.kit.errors import DependencyDown

# One bare address: nothing that could end a header, start a second recipient or quote its way around either.
_ADDRESS: Final = re.compile(r'[^\s\x00-\x1f\x7f<>()\[\]:;@\\,"]+@[^\s\x00-\x1f\x7f<>()\[\]:;@\\,"]+')
_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True)
class Mail:
    """One mail to one person.

    `to` is a bare address; `text` and `html` say the same. `id` (1 to 256 printable ASCII characters, nothing
    personal) is the same whenever the same mail is sent again, so that a repetition can be recognised.
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
    """No provider took the mail. `reason` is for the log: a provider and a code, never an address or a text."""

    def __init__(self, reason: str) -> None:
        super().__init__("The mail could not be sent. Please try again in a moment.")
        self.reason = reason


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Hand the mail over and return once it was accepted, or raise `MailUndeliverable`."""
