"""Mails to a chef, which show the earning and never the customer's price."""

from shared.appointments.letters import hello, starts, until
from shared.kit.email_template import EmailTemplate
from shared.kit.money import format_rupees
from shared.lines.home_chef.letters.words import by_name, rows, was
from shared.lines.home_chef.visit import VisitFacts
from shared.notifications.notice import Reader


def visit_to_answer(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"New visit {facts.ref}: please answer",
        heading="A visit for you, paid and confirmed",
        sentences=[hello(reader), _answer("it", facts)],
        rows=_with_earning(facts),
    )


def visit_moved(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Moved: please answer visit {facts.ref} anew",
        heading="A visit has a new time",
        sentences=[
            hello(reader),
            f"The customer has moved it from {was(facts)} to {starts(facts)}.",
            _answer("the new time", facts),
        ],
        rows=_with_earning(facts),
    )


def _answer(what: str, facts: VisitFacts) -> str:
    by = f" by {until(facts.answer_by, facts.zone)}" if facts.answer_by else ""
    return f"Please accept or decline {what} in the app{by}."


def visit_paid(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Paid and confirmed: visit {facts.ref}",
        heading="Your visit is paid",
        sentences=[hello(reader), "The customer has paid for the visit you accepted. It takes place as planned."],
        rows=_with_earning(facts),
    )


def visit_cancelled(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Cancelled: visit {facts.ref}",
        heading="A visit you had accepted is cancelled",
        sentences=[hello(reader), "It does not take place, and your time is free again."],
        rows=rows(facts),
    )


def visit_withdrawn(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"No longer yours: visit {facts.ref}",
        heading="A visit is no longer yours",
        sentences=[
            hello(reader),
            "It went to another chef, or the time to answer was over. There is nothing left to do, and your time is free.",
        ],
        rows=rows(facts),
    )


def chef_reminder_day(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return _reminder(facts, reader, "Coming up", "A visit of yours is coming up", f"It is on {starts(facts)}.")


def chef_reminder_hours(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    find = "Address and phone number are in the app."
    return _reminder(facts, reader, f"At {facts.time}", f"Your visit begins at {facts.time}", find)


def _reminder(facts: VisitFacts, reader: Reader, what: str, heading: str, sentence: str) -> EmailTemplate:
    return EmailTemplate(
        subject=f"{what}: you cook at visit {facts.ref}",
        heading=heading,
        sentences=[hello(reader), sentence],
        rows=_with_earning(facts),
    )


def _with_earning(facts: VisitFacts) -> list[tuple[str, str]]:
    return [*rows(facts), ("You earn", format_rupees(facts.earning))]


LETTERS = by_name(
    visit_to_answer,
    visit_moved,
    visit_paid,
    visit_cancelled,
    visit_withdrawn,
    chef_reminder_day,
    chef_reminder_hours,
)
