"""A booking as admins see it."""

from typing import Any

from shared.bookings.desk.queries import NamedBooking
from shared.bookings.desk.schemas import ExceptionView, FullEventView
from shared.bookings.desk.views import listed_fields
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.lines.home_chef.desk.queries import BookingFile
from shared.lines.home_chef.desk.schemas import BookingFileView, LedgerLineView, OfferView, VisitView
from shared.lines.home_chef.models import Offer
from shared.lines.home_chef.pricing import Breakdown
from shared.lines.home_chef.schemas import BreakdownView
from shared.payments.views import attempt_view, refund_view


def file_view(found: BookingFile) -> BookingFileView:
    customer, chef = found.customer, found.chef
    listed = listed_fields(NamedBooking(found.booking, customer.name, chef.name if chef else None))
    return BookingFileView.model_validate(
        {
            **listed,
            "customer_email": customer.email,
            "customer_phone": customer.phone,
            "chef_email": chef.email if chef else None,
            "chef_phone": chef.phone if chef else None,
            "breakdown": BreakdownView.model_validate(Breakdown(**found.booking.breakdown)),
            "visit": VisitView.model_validate(found.visit),
            "offers": [_offer_view(offer, name) for offer, name in found.offers],
            **_money(found),
            "events": [FullEventView.model_validate(event) for event in found.events],
            "exceptions": [ExceptionView.model_validate(each) for each in found.exceptions],
        }
    )


def _money(found: BookingFile) -> dict[str, Any]:
    return {
        "payments": [attempt_view(attempt) for attempt in found.payments],
        "refunds": [refund_view(refund) for refunds in found.payments.values() for refund in refunds],
        "ledger": [_ledger_view(fact, line) for fact, line in found.ledger],
    }


def _offer_view(offer: Offer, chef_name: str | None) -> OfferView:
    own = {name: getattr(offer, name) for name in OfferView.model_fields if hasattr(offer, name)}
    return OfferView.model_validate({**own, "chef_name": chef_name})


def _ledger_view(fact: LedgerTransaction, line: LedgerPosting) -> LedgerLineView:
    return LedgerLineView.model_validate(
        {
            "transaction_id": fact.id,
            "at": fact.at,
            "kind": fact.kind,
            "account": line.account,
            "amount": line.amount,
            "provider_id": line.provider_id,
        }
    )
