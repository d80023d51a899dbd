"""What a chef is told of a visit: their earning, never the customer's price."""

from shared.kit.letter import Letter
from shared.kit.money import in_words
from shared.lines.home_chef.messages.words import Facts, by_name, hello, rows, starts, until, was


def visit_to_answer(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"New visit {facts['ref']}: please answer",
        heading="A visit for you, paid and confirmed",
        sentences=[hello(name), _answer("it", facts)],
        rows=_with_earning(facts),
    )


def visit_moved(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Moved: please answer visit {facts['ref']} anew",
        heading="A visit has a new time",
        sentences=[
            hello(name),
            f"The customer has moved it from {was(facts)} to {starts(facts)}.",
            _answer("the new time", facts),
        ],
        rows=_with_earning(facts),
    )


def _answer(what: str, facts: Facts) -> str:
    by = f" by {until(facts, 'answer_by')}" if facts.get("answer_by") else ""
    return f"Please accept or decline {what} in the app{by}."


def visit_paid(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Paid and confirmed: visit {facts['ref']}",
        heading="Your visit is paid",
        sentences=[hello(name), "The customer has paid for the visit you accepted. It takes place as planned."],
        rows=_with_earning(facts),
    )


def visit_cancelled(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Cancelled: visit {facts['ref']}",
        heading="A visit you had accepted is cancelled",
        sentences=[hello(name), "It does not take place, and your time is free again."],
        rows=rows(facts),
    )


def visit_withdrawn(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"No longer yours: visit {facts['ref']}",
        heading="A visit is no longer yours",
        sentences=[
            hello(name),
            "It went to somebody else, or the time to answer was over. There is nothing left to do, and your time is free.",
        ],
        rows=rows(facts),
    )


def chef_reminder_day(facts: Facts, name: str | None) -> Letter:
    return _reminder(facts, name, "Coming up", "A visit of yours is coming up", f"It is on {starts(facts)}.")


def chef_reminder_hours(facts: Facts, name: str | None) -> Letter:
    find = "Address and phone number are in the app."
    return _reminder(facts, name, f"At {facts['time']}", f"Your visit begins at {facts['time']}", find)


def _reminder(facts: Facts, name: str | None, what: str, heading: str, sentence: str) -> Letter:
    return Letter(
        subject=f"{what}: you cook at visit {facts['ref']}",
        heading=heading,
        sentences=[hello(name), sentence],
        rows=_with_earning(facts),
    )


def _with_earning(facts: Facts) -> list[tuple[str, str]]:
    return [*rows(facts), ("You earn", in_words(facts["earning"]))]


LETTERS = by_name(
    visit_to_answer,
    visit_moved,
    visit_paid,
    visit_cancelled,
    visit_withdrawn,
    chef_reminder_day,
    chef_reminder_hours,
)
