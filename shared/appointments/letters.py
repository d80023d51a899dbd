"""Neutral mails about an appointment, for lines without mails of their own: pure, from facts and a reader."""

from collections.abc import Callable
from datetime import date, datetime

from shared.appointments.facts import AppointmentFacts
from shared.kit.clock import local
from shared.kit.email_template import EmailTemplate
from shared.kit.money import format_rupees
from shared.notifications.notice import Reader

Write = Callable[[AppointmentFacts], tuple[str, str, list[str]]]  # subject, heading, sentences


def letter(kind: str, facts: AppointmentFacts, reader: Reader) -> EmailTemplate:
    """Return the mail of a kind of notification."""
    subject, heading, sentences = LETTERS[kind](facts)
    rows = [("Booking", facts.ref), ("When", starts(facts)), ("Where", facts.city)]
    return EmailTemplate(f"{subject}: {facts.ref}", heading, [hello(reader), *sentences], rows)


def hello(reader: Reader) -> str:
    return f"Hello {reader.name}," if reader.name else "Hello,"


def when(day: str, time: str) -> str:
    """Return a local day (ISO) and time of day in words."""
    on = date.fromisoformat(day)
    return f"{on:%A}, {on.day} {on:%B %Y} at {time}"


def starts(facts: AppointmentFacts) -> str:
    return when(facts.day, facts.time)


def until(instant: str | None, zone: str) -> str:
    """Return an instant (ISO) in words, in local time of the appointment."""
    at = local(datetime.fromisoformat(instant or ""), zone)
    return f"{at:%A}, {at.day} {at:%B} at {at:%H:%M}"


def _who(facts: AppointmentFacts) -> str:
    return facts.provider or "Your provider"


def _answer_by(facts: AppointmentFacts) -> str:
    by = f" by {until(facts.answer_by, facts.zone)}" if facts.answer_by else ""
    return f"Please accept or decline it in the app{by}."


def _refund(facts: AppointmentFacts) -> str:
    if facts.amount:
        return f"We have started your refund of {format_rupees(facts.amount)}. We write again when it is done."
    return "Nothing is refunded."


LETTERS: dict[str, Write] = {
    "booked": lambda facts: (
        "Please pay for your appointment",
        "Your appointment is reserved",
        [
            f"Please pay {format_rupees(facts.total)} by {until(facts.pay_by, facts.zone)}.",
            "If you have not paid by then, the booking is cancelled and the time becomes available to others.",
        ],
    ),
    "confirmed": lambda facts: (
        "Confirmed",
        "Your appointment is confirmed",
        [f"Your payment of {format_rupees(facts.total)} has arrived."],
    ),
    "accepted": lambda facts: ("Accepted", f"{_who(facts)} has accepted your appointment", ["All is set."]),
    "provider_changed": lambda facts: (
        "Another provider",
        "Your provider has changed",
        [f"{_who(facts)} has been asked to come instead, and the price stays the same."],
    ),
    "rescheduled": lambda facts: (
        "Rescheduled",
        "Your appointment has a new time",
        [f"It was on {when(facts.from_day, facts.from_time)} and is now on {starts(facts)}."],
    ),
    "reminder_day": lambda facts: ("Coming up", "Your appointment is coming up", [f"It is on {starts(facts)}."]),
    "reminder_hours": lambda facts: (
        "Soon",
        f"Your appointment begins at {facts.time}",
        [f"It is on {starts(facts)}."],
    ),
    "started": lambda facts: ("Started", f"{_who(facts)} has started", ["Your appointment is under way."]),
    "completed": lambda _: ("Thank you", "Your appointment is completed", ["Please rate it in the app."]),
    "cancelled": lambda _: ("Cancelled", "Your appointment is cancelled", ["Nothing had been charged."]),
    "cancelled_unpaid": lambda _: (
        "Cancelled, not paid in time",
        "Your booking has been cancelled",
        ["You had not paid by the deadline. A payment that still arrives is refunded in full."],
    ),
    "cancelled_with_refund": lambda facts: ("Cancelled", "Your appointment is cancelled", [_refund(facts)]),
    "cancelled_without_refund": lambda facts: ("Cancelled", "Your appointment is cancelled", [_refund(facts)]),
    "cancelled_by_us": lambda facts: (
        "Cancelled",
        "Your appointment cannot take place",
        ["We are sorry.", _refund(facts) if facts.amount else "Nothing had been charged."],
    ),
    "refund_on_its_way": lambda facts: (
        "We are refunding your payment",
        "We are sending your payment back",
        ["A payment arrived that this booking no longer needs.", _refund(facts)],
    ),
    "refund_decided": lambda facts: ("A refund", "You are getting a refund", [_refund(facts)]),
    "refunded": lambda facts: (
        "Refunded",
        "Your refund is done",
        [f"{format_rupees(facts.amount)} went back the way you paid. Your bank may take some days to show it."],
    ),
    "visit_to_answer": lambda facts: ("Please answer", "An appointment for you", [_answer_by(facts)]),
    "visit_moved": lambda facts: ("Rescheduled, please answer", "A new time to accept", [_answer_by(facts)]),
    "visit_paid": lambda _: ("Paid", "Your appointment is paid", ["It takes place as planned."]),
    "visit_cancelled": lambda _: ("Cancelled", "An appointment is cancelled", ["Your time is free again."]),
    "visit_withdrawn": lambda _: (
        "No longer yours",
        "An appointment is no longer assigned to you",
        ["Your time is free."],
    ),
    "provider_reminder_day": lambda facts: ("Coming up", "An appointment of yours", [f"It is on {starts(facts)}."]),
    "provider_reminder_hours": lambda facts: ("Soon", f"It begins at {facts.time}", ["The address is in the app."]),
}
