"""Neutral mails about a booking and its money, for lines without mails of their own: pure, from facts."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.kit.email_template import EmailTemplate
from shared.kit.money import format_rupees
from shared.kit.stored import Stored
from shared.notifications.notice import Reader


@dataclass(frozen=True, kw_only=True)
class BookingFacts(Stored):
    """The facts of a booking that a mail may show; amounts are paise, `amount` is that of the refund."""

    booking_id: str
    ref: str
    total: int
    amount: int | None = None
    invoice: str | None = None


def hello(reader: Reader) -> str:
    return f"Hello {reader.name}," if reader.name else "Hello,"


def confirmed(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    return _letter(
        facts, reader, "Confirmed: {ref}", "Your booking is confirmed", f"Your payment of {_total(facts)} has arrived."
    )


def cancelled(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    refund = f"We have started your refund of {_amount(facts)}." if facts.amount else "No refund is due."
    return _letter(facts, reader, "Cancelled: {ref}", "Your booking is cancelled", refund)


def cancelled_unpaid(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    return _letter(
        facts,
        reader,
        "Cancelled: {ref} was not paid in time",
        "Your booking has been cancelled",
        "You had not paid by the deadline. Nothing has been charged; a payment that still arrives is refunded in full.",
    )


def completed(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    invoice = [f"Your invoice is {facts.invoice}."] if facts.invoice else []
    return _letter(facts, reader, "Thank you: {ref}", "Your booking is completed", "We hope all went well.", *invoice)


def refund_on_its_way(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    return _letter(
        facts,
        reader,
        "We are refunding your payment for {ref}",
        "We are sending your payment back",
        f"A payment of {_amount(facts)} arrived that this booking no longer needs.",
        "We have started the full refund. We write again when it is done.",
    )


def refund_decided(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    return _letter(
        facts,
        reader,
        f"A refund of {_amount(facts)} for {{ref}}",
        "You are getting a refund",
        f"We refund {_amount(facts)} of what you paid for this booking. We write again when it is done.",
    )


def refunded(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    return _letter(
        facts,
        reader,
        f"Refunded: {_amount(facts)} for {{ref}}",
        "Your refund is done",
        f"{_amount(facts)} went back the way you paid. Your bank may take some days to show it.",
    )


def about_booking(facts: BookingFacts, reader: Reader) -> EmailTemplate:
    """Return the mail of a kind of notification that its line does not support, or whose line is switched off."""
    return _letter(facts, reader, "About your booking {ref}", "About your booking", "Its details are in the app.")


Write = Callable[[BookingFacts, Reader], EmailTemplate]
LETTERS: dict[str, Write] = {
    write.__name__: write
    for write in (
        confirmed,
        cancelled,
        cancelled_unpaid,
        completed,
        refund_on_its_way,
        refund_decided,
        refunded,
    )
}


def _letter(facts: BookingFacts, reader: Reader, subject: str, heading: str, *sentences: str) -> EmailTemplate:
    rows = [("Booking", facts.ref), ("Price", _total(facts))]
    return EmailTemplate(subject.format(ref=facts.ref), heading, [hello(reader), *sentences], rows)


def _total(facts: BookingFacts) -> str:
    return format_rupees(facts.total)


def _amount(facts: BookingFacts) -> str:
    return format_rupees(facts.amount or 0)
