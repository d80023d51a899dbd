"""Mails to a customer, from the booking to the refund."""

from shared.appointments.letters import hello, starts, until
from shared.kit.email_template import EmailTemplate
from shared.kit.money import format_rupees
from shared.lines.home_chef.letters.words import by_name, rows, was, who
from shared.lines.home_chef.visit import VisitFacts
from shared.notifications.notice import Reader

WHY = {
    "no_chef": "We are sorry: no chef is free for it any more.",
    "chef": "We are sorry: your chef cannot come.",
    "operator": "We are sorry: we cannot make it happen.",
    "blocked": "Your account cannot be used for visits any more. Please write to us if you think that is wrong.",
}


def booked(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    total = format_rupees(facts.total)
    return EmailTemplate(
        subject=f"Booked: please pay for visit {facts.ref}",
        heading="Your visit is reserved",
        sentences=[
            hello(reader),
            f"We reserved {who(facts)}'s time for you. Please pay {total} by {until(facts.pay_by, facts.zone)}.",
            "If you have not paid by then, the booking is cancelled and the time becomes available to others.",
        ],
        rows=[*rows(facts), ("To pay", total)],
    )


def confirmed(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    chef = who(facts)
    answer = f"{chef} cooks for you." if facts.accepted else f"{chef} has been asked and will answer soon."
    return EmailTemplate(
        subject=f"Confirmed: your chef visit {facts.ref}",
        heading="Your visit is confirmed",
        sentences=[hello(reader), f"Your payment of {format_rupees(facts.total)} has arrived. {answer}"],
        rows=[*rows(facts), ("Paid", format_rupees(facts.total))],
    )


def accepted(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"{who(facts)} comes: visit {facts.ref}",
        heading=f"{who(facts)} has accepted your visit",
        sentences=[hello(reader), "You will find the contact of your chef in the app on the day."],
        rows=rows(facts),
    )


def chef_changed(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    comes = "comes instead" if facts.accepted else "has been asked to come instead"
    return EmailTemplate(
        subject=f"Another chef: visit {facts.ref}",
        heading="Your chef has changed",
        sentences=[
            hello(reader),
            f"The chef you had cannot come. {who(facts)} {comes}, and the price stays the same.",
            "If you would rather not, you can cancel free of charge for the next 24 hours.",
        ],
        rows=[*rows(facts), ("Chef", who(facts)), ("Price", format_rupees(facts.total))],
    )


def rescheduled(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    amount = facts.amount
    refund = f"The new time costs less: we have started your refund of {format_rupees(amount)}." if amount else None
    return EmailTemplate(
        subject=f"Moved: visit {facts.ref}",
        heading="Your visit has a new time",
        sentences=[
            hello(reader),
            f"It was on {was(facts)} and is now on {starts(facts)}.",
            f"{who(facts)} has been asked to accept the new time.",
            *([refund] if refund else []),
        ],
        rows=[*rows(facts), ("Price", format_rupees(facts.total))],
    )


def reminder_day(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return _reminder(facts, reader, "Coming up", "Your visit is coming up", f"It is on {starts(facts)}.")


def reminder_hours(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    ready = "Please make sure that somebody is at home and the kitchen is free."
    return _reminder(facts, reader, f"At {facts.time}", f"Your visit begins at {facts.time}", ready)


def _reminder(facts: VisitFacts, reader: Reader, what: str, heading: str, sentence: str) -> EmailTemplate:
    comes = f"{who(facts)} comes to you." if facts.accepted else "We write again as soon as a chef has accepted."
    return EmailTemplate(
        subject=f"{what}: your chef visit {facts.ref}",
        heading=heading,
        sentences=[hello(reader), sentence, comes],
        rows=rows(facts),
    )


def started(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Started: visit {facts.ref}",
        heading=f"{who(facts)} has started",
        sentences=[hello(reader), "Your visit is under way. We wish you a good meal."],
        rows=rows(facts),
    )


def completed(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    number = facts.invoice
    return EmailTemplate(
        subject=f"Thank you: visit {facts.ref}",
        heading="We hope you enjoyed it",
        sentences=[
            hello(reader),
            "Your visit is completed. Tell us how it was: rate your chef in the app.",
            *(["Your invoice is in the app too."] if number else []),
        ],
        rows=[*rows(facts), ("Paid", format_rupees(facts.total)), *([("Invoice", number)] if number else [])],
    )


def cancelled_unpaid(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Cancelled: visit {facts.ref} was not paid in time",
        heading="Your booking has been cancelled",
        sentences=[
            hello(reader),
            "You had not paid by the deadline, so the chef's time is available to others again. Nothing has been charged.",
            "If a payment still arrives, we refund it in full.",
        ],
        rows=rows(facts),
    )


def cancelled(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return _cancelled(facts, reader, "Nothing had been charged.")


def cancelled_without_refund(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return _cancelled(facts, reader, "By the terms you booked under, nothing is refunded this late.")


def cancelled_with_refund(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    money = f"We have started your refund of {format_rupees(facts.amount)} and write again when it is done."
    return _cancelled(facts, reader, money)


def _cancelled(facts: VisitFacts, reader: Reader, money: str) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Cancelled: visit {facts.ref}",
        heading="Your visit is cancelled",
        sentences=[hello(reader), "We have cancelled it as you asked.", money],
        rows=rows(facts),
    )


def cancelled_by_us(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    amount = facts.amount
    refund = f"We have started your refund of {format_rupees(amount)}, which is all you paid, and write again when it is done."
    return EmailTemplate(
        subject=f"Cancelled: visit {facts.ref} cannot take place",
        heading="Your visit cannot take place",
        sentences=[hello(reader), WHY[facts.why], refund if amount else "Nothing had been charged."],
        rows=[*rows(facts), *([("Refund", format_rupees(amount))] if amount else [])],
    )


def refund_on_its_way(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Your payment goes back: {facts.ref}",
        heading="We are sending your payment back",
        sentences=[
            hello(reader),
            f"A payment of {format_rupees(facts.amount)} arrived that this booking no longer needs.",
            "We have started its refund in full and write again when it is done.",
        ],
        rows=[*rows(facts), ("Refund", format_rupees(facts.amount))],
    )


def refund_decided(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"A refund of {format_rupees(facts.amount)} for {facts.ref}",
        heading="You are getting a refund",
        sentences=[
            hello(reader),
            f"We refund {format_rupees(facts.amount)} of what you paid for this booking.",
            "You need not do anything, and we write again when it is done.",
        ],
        rows=[*rows(facts), ("Refund", format_rupees(facts.amount))],
    )


def refunded(facts: VisitFacts, reader: Reader) -> EmailTemplate:
    return EmailTemplate(
        subject=f"Refunded: {format_rupees(facts.amount)} for {facts.ref}",
        heading="Your refund is done",
        sentences=[
            hello(reader),
            f"{format_rupees(facts.amount)} went back the way you paid. Your bank may take some days to show it.",
        ],
        rows=[*rows(facts), ("Refunded", format_rupees(facts.amount))],
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
