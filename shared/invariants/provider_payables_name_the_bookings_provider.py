"""Each posting to `provider_payable` names its booking's provider; a posting to another account names no provider."""

BREACHES = """
select p.id, t.booking_id, p.account || ' of ' || coalesce(p.provider_id::text, 'no provider')
from ledger_postings p join ledger_transactions t on t.id = p.transaction_id join bookings b on b.id = t.booking_id
where case p.account when 'provider_payable' then p.provider_id is distinct from b.provider_id or p.provider_id is null
  else p.provider_id is not null end
"""
