"""Text that the mails to both audiences share: times, places, names."""

from collections.abc import Callable

from shared.appointments.letters import starts, when
from shared.kit.email_template import EmailTemplate
from shared.lines.home_chef.visit import VisitFacts
from shared.notifications.notice import Reader

Write = Callable[[VisitFacts, Reader], EmailTemplate]


def was(facts: VisitFacts) -> str:
    """Return the time a visit had before it was rescheduled."""
    return when(facts.from_day, facts.from_time)


def who(facts: VisitFacts) -> str:
    return facts.provider or "Your chef"


def rows(facts: VisitFacts) -> list[tuple[str, str]]:
    return [
        ("Booking", facts.ref),
        ("When", starts(facts)),
        ("For", f"{facts.guests} {'guest' if facts.guests == 1 else 'guests'}, {facts.hours} h"),
        ("Where", facts.city),
    ]


def by_name(*letters: Write) -> dict[str, Write]:
    """Return mails by kind: each function has the name of its kind."""
    return {letter.__name__: letter for letter in letters}
