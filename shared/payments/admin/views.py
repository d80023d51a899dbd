"""A booking of any line as an admin sees it."""

from shared.bookings.admin.queries import NamedBooking
from shared.bookings.admin.schemas import ExceptionView, FullEventView
from shared.bookings.admin.views import listed_view
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.ledger.postings import AccountCode
from shared.payments.admin.queries import BookingDetail
from shared.payments.admin.schemas import BookingDetailView, LedgerLineView
from shared.payments.views import attempt_view, refund_view


def detail_view(found: BookingDetail) -> BookingDetailView:
    customer, provider, details = found.customer, found.provider, found.details
    listed = listed_view(NamedBooking(found.booking, customer.name, provider.name if provider else None))
    return BookingDetailView(
        **vars(listed),
        customer_email=customer.email,
        customer_phone=customer.phone,
        provider_email=provider.email if provider else None,
        provider_phone=provider.phone if provider else None,
        breakdown=found.breakdown,
        visit=details.visit.model_dump(mode="json") if details.visit else None,
        offers=[offer.model_dump(mode="json") for offer in details.offers],
        payments=[attempt_view(attempt) for attempt in found.payments],
        refunds=[refund_view(refund) for refunds in found.payments.values() for refund in refunds],
        events=[FullEventView.model_validate(event) for event in found.events],
        exceptions=[ExceptionView.model_validate(each) for each in found.exceptions],
        ledger=[_ledger_view(transaction, posting) for transaction, posting in found.ledger],
    )


def _ledger_view(transaction: LedgerTransaction, posting: LedgerPosting) -> LedgerLineView:
    return LedgerLineView(
        transaction_id=transaction.id,
        at=transaction.at,
        kind=transaction.kind,
        account=AccountCode(posting.account),
        amount=posting.amount,
        provider_id=posting.provider_id,
    )
