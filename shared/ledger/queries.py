"""The ledger as rows: facts are booked once, whoever tells of them how often; balances are sums."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shared.kit.ids import new_id
from shared.ledger.models import LedgerPosting, LedgerTransaction
from shared.ledger.postings import Kind, Parts, Posting

_POST = text("""
with fact as (
  insert into ledger_transactions (id, kind, source_id, booking_id, at)
  values (:id, :kind, :source, :booking, :at)
  on conflict (kind, source_id) do nothing returning id
)
insert into ledger_postings (id, transaction_id, account, amount, provider_id)
select gen_random_uuid(), fact.id, line.account, line.amount, line.provider
from fact, unnest(cast(:accounts as text[]), cast(:amounts as bigint[]), cast(:providers as uuid[]))
  as line(account, amount, provider)
""")


def post(
    session: Session, kind: Kind, source_id: UUID, booking_id: UUID, postings: Sequence[Posting], at: datetime
) -> None:
    """Book a fact of a source (an attempt, a refund, a booking); booked before, it changes nothing."""
    session.execute(
        _POST,
        {
            "id": new_id(),
            "kind": kind,
            "source": source_id,
            "booking": booking_id,
            "at": at,
            "accounts": [line.account.value for line in postings],
            "amounts": [line.amount for line in postings],
            "providers": [str(line.provider_id) if line.provider_id else None for line in postings],
        },
    )


_BALANCES = text("""
select p.account, sum(p.amount)::bigint from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
where cast(:booking as uuid) is null or t.booking_id = :booking group by p.account
""")


def balances(session: Session, booking_id: UUID | None = None) -> dict[str, int]:
    """Return each account's balance in paise (debits positive), of everything or of one booking."""
    return {row[0]: row[1] for row in session.execute(_BALANCES, {"booking": booking_id})}


_EARNED = text("""
select coalesce(-sum(p.amount) filter (where p.account = 'chef_payable'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where p.account = 'platform_revenue'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where p.account = 'gst_payable'), 0)::bigint,
  (array_agg(p.provider_id) filter (where p.account = 'chef_payable'))[1]
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id where t.booking_id = :booking
""")


def earned(session: Session, booking_id: UUID) -> tuple[Parts, UUID | None]:
    """Return what each side has earned of a booking and not given back since, and the provider; the booking is locked."""
    provider, platform, gst, provider_id = session.execute(_EARNED, {"booking": booking_id}).one()
    return Parts(provider, platform, gst), provider_id


def of_booking(session: Session, booking_id: UUID) -> list[tuple[LedgerTransaction, LedgerPosting]]:
    """Return everything that was booked of a booking, the oldest first, in one statement."""
    rows = session.execute(
        select(LedgerTransaction, LedgerPosting)
        .join(LedgerPosting, LedgerPosting.transaction_id == LedgerTransaction.id)
        .where(LedgerTransaction.booking_id == booking_id)
        .order_by(LedgerTransaction.at, LedgerTransaction.id, LedgerPosting.amount.desc(), LedgerPosting.account)
    ).all()
    return [(row[0], row[1]) for row in rows]
