"""A fact about money is in the ledger once, however often it was told (docs/product.md#ledger)."""

BREACHES = """
select source_id, (array_agg(booking_id))[1], kind || ' is booked ' || count(*) || ' times'
from ledger_transactions group by kind, source_id having count(*) > 1
"""
