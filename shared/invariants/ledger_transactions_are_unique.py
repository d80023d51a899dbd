"""The ledger has at most one transaction per kind and source, however often a fact is reported (docs/product.md#ledger)."""

BREACHES = """
select source_id, (array_agg(booking_id))[1], kind || ' is posted ' || count(*) || ' times'
from ledger_transactions group by kind, source_id having count(*) > 1
"""
