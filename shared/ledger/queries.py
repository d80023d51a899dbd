"""Queries of the ledger: each fact is posted once, however often it is reported; balances are sums."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from operator import add
from uuid import UUID

from sqlalchemy import BigInteger, Subquery, cast, func, select, text
from sqlalchemy.orm import Session

from shared.kit import daily_rollup
from shared.kit import date_range as days
from shared.kit.clock import INDIA, local, midnight
from shared.kit.date_range import DateRange
from shared.kit.ids import new_id
from shared.ledger.models import LedgerDay, LedgerPosting, LedgerTransaction
from shared.ledger.postings import AccountCode, Kind, Parts, Posting

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
    """Post a fact of a source (an attempt, a refund, a booking); a fact posted before changes nothing."""
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


EVER = datetime(9000, 1, 1, tzinfo=UTC)


_BALANCES_OF = text("""
select p.account, sum(p.amount)::bigint from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
where t.booking_id = :booking and (cast(:until as timestamptz) is null or t.at < :until)
group by p.account
""")
_BALANCES = text("""
select account, sum(amount)::bigint from (
  select each.key as account, each.value::bigint as amount
  from ledger_days, jsonb_each_text(balances) each where day = cast(:summed_day as date)
  union all
  select p.account, p.amount from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
  where t.at >= :summed and t.at < :until
) held group by account
""")


def balances(session: Session, booking_id: UUID | None = None, until: datetime | None = None) -> dict[str, int]:
    """Return each account's balance in paise (debits positive): of all or one booking, now or before an instant."""
    if booking_id is not None:
        return {row[0]: row[1] for row in session.execute(_BALANCES_OF, {"booking": booking_id, "until": until})}
    until = until or EVER
    summed = min(daily_rollup.summed_until(session, LedgerDay.day), midnight(local(until, INDIA).date(), INDIA))
    last = local(summed, INDIA).date() - daily_rollup.A_DAY
    rows = session.execute(_BALANCES, {"summed": summed, "summed_day": last, "until": until})
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Cleared:
    """The sums posted for a source at its gateway, in paise: the amount moved (absolute) and the gateway's fee."""

    moved: int = 0
    fee: int = 0


_CLEARED = text("""
select t.source_id,
  coalesce(abs(sum(p.amount) filter (where p.account = 'gateway_clearing' and t.kind <> 'gateway_fee')), 0)::bigint,
  coalesce(sum(p.amount) filter (where p.account = 'gateway_fees'), 0)::bigint
from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
where t.kind in ('captured', 'owed_back', 'refund_done', 'gateway_fee')
  and t.source_id = any(cast(:sources as uuid[]))
group by t.source_id
""")


def cleared(session: Session, source_ids: Sequence[UUID]) -> dict[UUID, Cleared]:
    """Return the sums posted for attempts, refunds and corrections of fees, by source id, in one statement."""
    rows = session.execute(_CLEARED, {"sources": [str(source) for source in source_ids]})
    return {row[0]: Cleared(row[1], row[2]) for row in rows}


@dataclass(frozen=True)
class Turnover:
    """The turnover in paise: captured, refunded, and the net earnings of each side."""

    captured: int = 0
    refunded: int = 0
    platform_revenue: int = 0
    gst: int = 0
    provider_earnings: int = 0

    def __add__(self, other: "Turnover") -> "Turnover":
        return Turnover(*map(add, astuple(self), astuple(other)))


_MONEY_ACCOUNTS = "account in ('gateway_clearing', 'cash')"
_TURNOVER = text(f"""
with days as ({days.DAYS}), posted as (
  select day, of.key as kind, each.key as account, each.value::bigint as amount
  from days join ledger_days using (day), jsonb_each(moved) of, jsonb_each_text(of.value) each
  where day < :open_day
  union all
  select {days.day_of("t.at")}, t.kind, p.account, p.amount
  from ledger_transactions t join ledger_postings p on p.transaction_id = t.id
  where t.at >= :open_from and {days.falls_in("t.at")}
), moved as (
  select day,
    sum(amount) filter (where {_MONEY_ACCOUNTS} and kind in ('captured', 'cash_taken', 'owed_back')) as captured,
    -sum(amount) filter (where {_MONEY_ACCOUNTS} and kind = 'refund_done') as refunded,
    -sum(amount) filter (where account = 'platform_revenue') as platform_revenue,
    -sum(amount) filter (where account = 'gst_payable') as gst,
    -sum(amount) filter (where account = 'provider_payable') as provider_earnings
  from posted group by day
)
select days.day, coalesce(captured, 0)::bigint, coalesce(refunded, 0)::bigint, coalesce(platform_revenue, 0)::bigint,
  coalesce(gst, 0)::bigint, coalesce(provider_earnings, 0)::bigint
from days left join moved on moved.day = days.day order by days.day
""")


def turnover(session: Session, period: DateRange, today: DateRange) -> dict[date, Turnover]:
    """Return the turnover of each day (of India) of a period and today, days without any included, in two statements."""
    parameters = days.parameters(period, today) | daily_rollup.still_open(session, LedgerDay.day)
    rows = session.execute(_TURNOVER, parameters)
    return {day: Turnover(*amounts) for day, *amounts in rows}


@dataclass(frozen=True)
class Payable:
    """A provider's earnings in a period, in paise: from visits, from cancellation fees, less reversals (`taken_back`).

    `opening` is the balance owed at the start of the period, `owed` the balance of all time.
    """

    opening: int
    completed: int
    kept: int
    taken_back: int
    owed: int


_PAYABLE = text("""
select
  coalesce(-sum(p.amount) filter (where t.at < :start), 0)::bigint,
  coalesce(-sum(p.amount) filter (where within and t.kind = 'completed'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where within and t.kind = 'kept_on_cancellation'), 0)::bigint,
  coalesce(sum(p.amount) filter (where within and t.kind not in ('completed', 'kept_on_cancellation')), 0)::bigint,
  coalesce(-sum(p.amount), 0)::bigint
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id
cross join lateral (select t.at >= :start and t.at < :until) period(within)
where p.provider_id = :provider and p.account = 'provider_payable'
""")


def payable(session: Session, provider_id: UUID, start: datetime, until: datetime) -> Payable:
    """Return a provider's earnings between two instants, the first included, in one statement."""
    return Payable(*session.execute(_PAYABLE, {"provider": provider_id, "start": start, "until": until}).one())


def payable_lines(provider_id: UUID) -> Subquery:
    """Return a subquery of a provider's `provider_payable` postings with the running balance after each."""
    amount = -LedgerPosting.amount
    order = (LedgerTransaction.at, LedgerPosting.id)
    statement = (
        select(
            LedgerPosting.id,
            LedgerTransaction.booking_id,
            LedgerTransaction.kind,
            LedgerTransaction.at,
            amount.label("amount"),
            cast(func.sum(amount).over(order_by=order), BigInteger).label("balance"),
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerPosting.transaction_id)
        .where(LedgerPosting.provider_id == provider_id, LedgerPosting.account == AccountCode.PROVIDER_PAYABLE)
    )
    return statement.subquery("line")


_EARNED = text("""
select coalesce(-sum(p.amount) filter (where p.account = 'provider_payable'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where p.account = 'platform_revenue'), 0)::bigint,
  coalesce(-sum(p.amount) filter (where p.account = 'gst_payable'), 0)::bigint,
  (array_agg(p.provider_id) filter (where p.account = 'provider_payable'))[1]
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id where t.booking_id = :booking
""")


def earned(session: Session, booking_id: UUID) -> tuple[Parts, UUID | None]:
    """Return the net earnings of each side of a booking, and its provider; the caller has locked the booking."""
    provider, platform, gst, provider_id = session.execute(_EARNED, {"booking": booking_id}).one()
    return Parts(provider, platform, gst), provider_id


def of_booking(session: Session, booking_id: UUID) -> list[tuple[LedgerTransaction, LedgerPosting]]:
    """Return all postings of a booking with their transactions, the oldest first, in one statement."""
    rows = session.execute(
        select(LedgerTransaction, LedgerPosting)
        .join(LedgerPosting, LedgerPosting.transaction_id == LedgerTransaction.id)
        .where(LedgerTransaction.booking_id == booking_id)
        .order_by(LedgerTransaction.at, LedgerTransaction.id, LedgerPosting.amount.desc(), LedgerPosting.account)
    ).all()
    return [(row[0], row[1]) for row in rows]
