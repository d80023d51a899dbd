"""Each ledger transaction has postings, and its postings sum to zero (docs/product.md#ledger)."""

BREACHES = """
select t.id, t.booking_id, count(p.id) || ' postings sum to ' || coalesce(sum(p.amount), 0)
from ledger_transactions t left join ledger_postings p on p.transaction_id = t.id
group by t.id having coalesce(sum(p.amount), 1) <> 0
"""
