"""Queries of invoices: one statement numbers and stores each, in the transaction of its cause.

The series' row stays locked until the commit, so that numbers have no gaps. Issue a document last in its transaction,
because all other issues of the series wait.
"""

import json
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.invoices import documents, numbering
from shared.invoices.documents import Document, Supplier, Supply
from shared.invoices.models import Invoice
from shared.invoices.numbering import Kind
from shared.kit.ids import new_id

ORDER = (Invoice.kind.desc(), Invoice.issued_at, Invoice.serial)  # the invoice, then its credit notes
_ISSUE = text("""
with given as (
  insert into invoice_series (series, last) values (:series, 1)
  on conflict (series) do update set last = invoice_series.last + 1
  returning last
)
insert into invoices (id, kind, series, serial, number, booking_id, refund_id, issued_at, document)
select cast(:id as uuid), :kind, :series, last, :series || '/' || lpad(last::text, greatest(6, length(last::text)), '0'),
  cast(:booking as uuid), cast(:refund as uuid), cast(:now as timestamptz), cast(:document as jsonb)
from given returning number
""")


def issue(session: Session, prefix: str, booking_id: UUID, supplier: Supplier, supply: Supply, now: datetime) -> str:
    """Issue the invoice of a booking that has just been completed, in a line's series; returns its number."""
    document = documents.invoice(supplier, supply)
    return _store(session, Kind.INVOICE, numbering.series(prefix, now), booking_id, None, document, now)


def credit(session: Session, prefix: str, booking_id: UUID, refund_id: UUID, amount: int, now: datetime) -> str | None:
    """Issue the credit note of a refund decided after the completion, in a line's series; returns its number.

    `amount` is paise. None where the booking has no invoice: before its completion nothing is credited. The caller has
    locked the booking.
    """
    issued = of_booking(session, booking_id)
    if not issued:
        return None
    first, notes = issued[0], [note.document for note in issued[1:]]
    document = documents.credit_note(first.document, first.number, notes, amount)
    return _store(session, Kind.CREDIT_NOTE, numbering.series(prefix, now), booking_id, refund_id, document, now)


def of_booking(session: Session, booking_id: UUID) -> list[Invoice]:
    """Return a booking's invoice, then its credit notes in the order of issue."""
    return list(session.scalars(select(Invoice).where(Invoice.booking_id == booking_id).order_by(*ORDER)))


def _store(
    session: Session,
    kind: Kind,
    series: str,
    booking_id: UUID,
    refund_id: UUID | None,
    document: Document,
    now: datetime,
) -> str:
    values = {"id": new_id(), "kind": kind, "series": series, "booking": booking_id, "refund": refund_id}
    return str(session.execute(_ISSUE, {**values, "document": json.dumps(document), "now": now}).scalar_one())
