"""The ledger as rows: facts are booked once, whoever tells of them how often; balances are sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.kit.ids import new_id
from shared.ledger.postings import Kind, Posting

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


@dataclass(frozen=True)
class Payable:
    """What a provider earned in a period, in paise: by visits, by late cancellations, less what was taken back.

    `owed` is the balance of all time.
    """

    completed: int
    kept: int
    taken_back: int
    owed: int


_PAYABLE = text("""
select
  coalesce(-sum(p.amount) filter (where within and t.kind = 'completed'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where within and t.kind = 'kept_on_cancellation'), 0)::bigint,
  coalesce(sum(p.amount) filter (where within and t.kind not in ('completed', 'kept_on_cancellation')), 0)::bigint,
  coalesce(-sum(p.amount), 0)::bigint
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
cross join lateral (select t.at >= :start and t.at < :until) period(within)
where p.provider_id = :provider and p.account = 'chef_payable'
""")


def payable(session: Session, provider_id: UUID, start: datetime, until: datetime) -> Payable:
    """Return what a provider earned between two instants, the first included, in one statement."""
    return Payable(*session.execute(_PAYABLE, {"provider": provider_id, "start": start, "until": until}).one())
