"""The words of this line's mails; pure text from the facts of a notification. Amounts are paise."""

from collections.abc import Callable
from datetime import date
from typing import Any

from shared.kit.letter import Letter
from shared.kit.money import in_words

Facts = dict[str, Any]


def _when(facts: Facts) -> str:
    day = date.fromisoformat(facts["day"])
    return f"{day:%A}, {day.day} {day:%B %Y} at {facts['time']}"


def _rows(facts: Facts) -> list[tuple[str, str]]:
    return [
        ("Booking", facts["ref"]),
        ("When", _when(facts)),
        ("For", f"{facts['guests']} {'guest' if facts['guests'] == 1 else 'guests'}, {facts['hours']} h"),
        ("Where", facts["city"]),
    ]


def _hello(name: str | None) -> str:
    return f"Hello {name}," if name else "Hello,"


def confirmed(facts: Facts, name: str | None) -> Letter:
    chef = facts["chef"] or "Your chef"
    answer = f"{chef} cooks for you." if facts["accepted"] else f"{chef} has been asked and will answer soon."
    return Letter(
        subject=f"Confirmed: your chef visit {facts['ref']}",
        heading="Your visit is confirmed",
        sentences=[_hello(name), f"Your payment of {in_words(facts['total'])} has arrived. {answer}"],
        rows=[*_rows(facts), ("Paid", in_words(facts["total"]))],
    )


def visit_to_answer(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"New visit {facts['ref']}: please answer",
        heading="A visit for you, paid and confirmed",
        sentences=[_hello(name), "Please accept or decline it in the app."],
        rows=[*_rows(facts), ("You earn", in_words(facts["earning"]))],
    )


def visit_paid(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Paid and confirmed: visit {facts['ref']}",
        heading="Your visit is paid",
        sentences=[_hello(name), "The customer has paid for the visit you accepted. It takes place as planned."],
        rows=[*_rows(facts), ("You earn", in_words(facts["earning"]))],
    )


def accepted(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"{facts['chef'] or 'Your chef'} comes: visit {facts['ref']}",
        heading=f"{facts['chef'] or 'Your chef'} has accepted your visit",
        sentences=[_hello(name), "You will find the contact of your chef in the app on the day."],
        rows=_rows(facts),
    )


def completed(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Thank you: visit {facts['ref']}",
        heading="We hope you enjoyed it",
        sentences=[_hello(name), "Your visit is completed. Tell us how it was: rate your chef in the app."],
        rows=[*_rows(facts), ("Paid", in_words(facts["total"]))],
    )


def cancelled_unpaid(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Cancelled: visit {facts['ref']} was not paid in time",
        heading="Your booking has been cancelled",
        sentences=[
            _hello(name),
            "It was not paid in time, so we have given the chef's time free again. Nothing has been charged.",
            "If a payment still arrives, it goes back to you in full.",
        ],
        rows=_rows(facts),
    )


def cancelled(facts: Facts, name: str | None) -> Letter:
    return _cancelled(facts, name, "Nothing had been charged.")


def cancelled_without_refund(facts: Facts, name: str | None) -> Letter:
    return _cancelled(facts, name, "By the terms you booked under, nothing is refunded this late.")


def cancelled_with_refund(facts: Facts, name: str | None) -> Letter:
    money = f"We have started your refund of {in_words(facts['amount'])} and write again when it is done."
    return _cancelled(facts, name, money)


def _cancelled(facts: Facts, name: str | None, money: str) -> Letter:
    return Letter(
        subject=f"Cancelled: visit {facts['ref']}",
        heading="Your visit is cancelled",
        sentences=[_hello(name), "We have cancelled it as you asked.", money],
        rows=_rows(facts),
    )


def visit_cancelled(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Cancelled: visit {facts['ref']}",
        heading="A visit you had accepted is cancelled",
        sentences=[_hello(name), "It does not take place, and your time is free again."],
        rows=_rows(facts),
    )


def refund_on_its_way(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Your payment goes back: {facts['ref']}",
        heading="We are sending your payment back",
        sentences=[
            _hello(name),
            f"A payment of {in_words(facts['amount'])} arrived that this booking no longer needs.",
            "We have started its refund in full and write again when it is done.",
        ],
        rows=[*_rows(facts), ("Refund", in_words(facts["amount"]))],
    )


def refund_decided(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"A refund of {in_words(facts['amount'])} for {facts['ref']}",
        heading="You get money back",
        sentences=[
            _hello(name),
            f"We refund {in_words(facts['amount'])} of what you paid for this booking.",
            "You need not do anything, and we write again when it is done.",
        ],
        rows=[*_rows(facts), ("Refund", in_words(facts["amount"]))],
    )


def refunded(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Refunded: {in_words(facts['amount'])} for {facts['ref']}",
        heading="Your refund is done",
        sentences=[
            _hello(name),
            f"{in_words(facts['amount'])} are back on the way you paid with. Your bank may take some days to show it.",
        ],
        rows=[*_rows(facts), ("Refunded", in_words(facts["amount"]))],
    )


LETTERS: dict[str, Callable[[Facts, str | None], Letter]] = {
    letter.__name__: letter
    for letter in (
        confirmed,
        visit_to_answer,
        visit_paid,
        accepted,
        completed,
        cancelled,
        cancelled_without_refund,
        cancelled_with_refund,
        cancelled_unpaid,
        visit_cancelled,
        refund_on_its_way,
        refund_decided,
        refunded,
    )
}
