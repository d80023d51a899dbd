"""An invoice as its customer sees it; amounts are rupees on the wire."""

from datetime import date, datetime
from typing import Literal

from shared.invoices.models import Invoice
from shared.kit.schemas import Rupees, View


class SupplierView(View):
    name: str
    address: str | None
    gstin: str | None
    state: str


class RecipientView(View):
    name: str | None
    address: str


class LineView(View):
    text: str
    amount: Rupees


class ComponentView(View):
    """A part of a supply that is taxed under one code of services (SAC); lines and `taxable` are before tax."""

    name: str
    sac: str
    lines: list[LineView]
    taxable: Rupees
    cgst: Rupees
    sgst: Rupees
    total: Rupees


class _DocumentView(View):
    number: str
    issued_at: datetime
    supplier: SupplierView
    customer: RecipientView
    booking_ref: str
    supplied_on: date
    place_of_supply: str
    currency: Literal["INR"]
    components: list[ComponentView]
    taxable: Rupees
    cgst: Rupees
    sgst: Rupees
    total: Rupees


class CreditNoteView(_DocumentView):
    """The credit note of a refund after completion."""

    invoice_number: str


class InvoiceView(_DocumentView):
    """The tax invoice of a completed booking, with the credit notes of later refunds."""

    credit_notes: list[CreditNoteView]


def invoice_view(issued: list[Invoice]) -> InvoiceView:
    """Return an invoice followed by its credit notes as one view."""
    invoice, *notes = [{**row.document, "number": row.number, "issued_at": row.issued_at} for row in issued]
    return InvoiceView.model_validate({**invoice, "credit_notes": notes})
