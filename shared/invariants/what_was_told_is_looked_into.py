"""Each message received has one promise to look into it; where that is done, the message says what came of it.

The promise is looked for as long as it is kept once it is done.
"""

from shared.invariants.what_follows_is_promised import KEPT

BREACHES = f"""
select i.id, null::uuid, count(o.id) || ' promises, ' || count(o.done_at) || ' done, outcome ' || coalesce(i.outcome, 'none')
from inbox i left join outbox o on o.payload ->> 'inbox_id' = i.id::text
group by i.id having (count(o.id) <> 1 and i.received_at {KEPT}) or (count(o.done_at) = 1 and i.processed_at is null)
"""
