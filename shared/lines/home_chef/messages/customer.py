"""What a customer is told of a visit, from booking it to having the money back."""

from shared.kit.letter import Letter
from shared.kit.money import in_words
from shared.lines.home_chef.messages.words import Facts, by_name, hello, rows, starts, until, was, who

WHY = {
    "no_chef": "We are sorry: no chef is free for it any more.",
    "chef": "We are sorry: your chef cannot come.",
    "operator": "We are sorry: we cannot make it happen.",
    "blocked": "Your account cannot be used for visits any more. Please write to us if you think that is wrong.",
}


def booked(facts: Facts, name: str | None) -> Letter:
    total = in_words(facts["total"])
    return Letter(
        subject=f"Booked: please pay for visit {facts['ref']}",
        heading="Your visit is reserved",
        sentences=[
            hello(name),
            f"{who(facts)}'s time is kept for you. Please pay {total} by {until(facts, 'pay_by')}.",
            "What is not paid by then is given free for others.",
        ],
        rows=[*rows(facts), ("To pay", total)],
    )


def confirmed(facts: Facts, name: str | None) -> Letter:
    chef = who(facts)
    answer = f"{chef} cooks for you." if facts["accepted"] else f"{chef} has been asked and will answer soon."
    return Letter(
        subject=f"Confirmed: your chef visit {facts['ref']}",
        heading="Your visit is confirmed",
        sentences=[hello(name), f"Your payment of {in_words(facts['total'])} has arrived. {answer}"],
        rows=[*rows(facts), ("Paid", in_words(facts["total"]))],
    )


def accepted(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"{who(facts)} comes: visit {facts['ref']}",
        heading=f"{who(facts)} has accepted your visit",
        sentences=[hello(name), "You will find the contact of your chef in the app on the day."],
        rows=rows(facts),
    )


def chef_changed(facts: Facts, name: str | None) -> Letter:
    comes = "comes instead" if facts["accepted"] else "has been asked to come instead"
    return Letter(
        subject=f"Another chef: visit {facts['ref']}",
        heading="Your chef has changed",
        sentences=[
            hello(name),
            f"The chef you had cannot come. {who(facts)} {comes}, and the price stays the same.",
            "If you would rather not, you can cancel free of charge for the next 24 hours.",
        ],
        rows=[*rows(facts), ("Chef", who(facts)), ("Price", in_words(facts["total"]))],
    )


def rescheduled(facts: Facts, name: str | None) -> Letter:
    amount = facts.get("amount")
    refund = f"The new time costs less: we have started your refund of {in_words(amount)}." if amount else None
    return Letter(
        subject=f"Moved: visit {facts['ref']}",
        heading="Your visit has a new time",
        sentences=[
            hello(name),
            f"It was on {was(facts)} and is now on {starts(facts)}.",
            f"{who(facts)} has been asked to accept the new time.",
            *([refund] if refund else []),
        ],
        rows=[*rows(facts), ("Price", in_words(facts["total"]))],
    )


def reminder_day(facts: Facts, name: str | None) -> Letter:
    return _reminder(facts, name, "Coming up", "Your visit is coming up", f"It is on {starts(facts)}.")


def reminder_hours(facts: Facts, name: str | None) -> Letter:
    ready = "Please see to it that somebody is at home and the kitchen is free."
    return _reminder(facts, name, f"At {facts['time']}", f"Your visit begins at {facts['time']}", ready)


def _reminder(facts: Facts, name: str | None, what: str, heading: str, sentence: str) -> Letter:
    comes = f"{who(facts)} comes to you." if facts["accepted"] else "We write again as soon as a chef has accepted."
    return Letter(
        subject=f"{what}: your chef visit {facts['ref']}",
        heading=heading,
        sentences=[hello(name), sentence, comes],
        rows=rows(facts),
    )


def started(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Started: visit {facts['ref']}",
        heading=f"{who(facts)} has started",
        sentences=[hello(name), "Your visit is under way. We wish you a good meal."],
        rows=rows(facts),
    )


def completed(facts: Facts, name: str | None) -> Letter:
    number = facts.get("invoice")
    return Letter(
        subject=f"Thank you: visit {facts['ref']}",
        heading="We hope you enjoyed it",
        sentences=[
            hello(name),
            "Your visit is completed. Tell us how it was: rate your chef in the app.",
            *(["Your invoice is in the app too."] if number else []),
        ],
        rows=[*rows(facts), ("Paid", in_words(facts["total"])), *([("Invoice", number)] if number else [])],
    )


def cancelled_unpaid(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Cancelled: visit {facts['ref']} was not paid in time",
        heading="Your booking has been cancelled",
        sentences=[
            hello(name),
            "It was not paid in time, so we have given the chef's time free again. Nothing has been charged.",
            "If a payment still arrives, it goes back to you in full.",
        ],
        rows=rows(facts),
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
        sentences=[hello(name), "We have cancelled it as you asked.", money],
        rows=rows(facts),
    )


def cancelled_by_us(facts: Facts, name: str | None) -> Letter:
    amount = facts["amount"]
    refund = (
        f"We have started your refund of {in_words(amount)}, which is all you paid, and write again when it is done."
    )
    return Letter(
        subject=f"Cancelled: visit {facts['ref']} cannot take place",
        heading="Your visit cannot take place",
        sentences=[hello(name), WHY[facts["why"]], refund if amount else "Nothing had been charged."],
        rows=[*rows(facts), *([("Refund", in_words(amount))] if amount else [])],
    )


def refund_on_its_way(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Your payment goes back: {facts['ref']}",
        heading="We are sending your payment back",
        sentences=[
            hello(name),
            f"A payment of {in_words(facts['amount'])} arrived that this booking no longer needs.",
            "We have started its refund in full and write again when it is done.",
        ],
        rows=[*rows(facts), ("Refund", in_words(facts["amount"]))],
    )


def refund_decided(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"A refund of {in_words(facts['amount'])} for {facts['ref']}",
        heading="You get money back",
        sentences=[
            hello(name),
            f"We refund {in_words(facts['amount'])} of what you paid for this booking.",
            "You need not do anything, and we write again when it is done.",
        ],
        rows=[*rows(facts), ("Refund", in_words(facts["amount"]))],
    )


def refunded(facts: Facts, name: str | None) -> Letter:
    return Letter(
        subject=f"Refunded: {in_words(facts['amount'])} for {facts['ref']}",
        heading="Your refund is done",
        sentences=[
            hello(name),
            f"{in_words(facts['amount'])} are back on the way you paid with. Your bank may take some days to show it.",
        ],
        rows=[*rows(facts), ("Refunded", in_words(facts["amount"]))],
    )


LETTERS = by_name(
    booked,
    confirmed,
    accepted,
    chef_changed,
    rescheduled,
    reminder_day,
    reminder_hours,
    started,
    completed,
    cancelled,
    cancelled_unpaid,
    cancelled_with_refund,
    cancelled_without_refund,
    cancelled_by_us,
    refund_on_its_way,
    refund_decided,
    refunded,
)
