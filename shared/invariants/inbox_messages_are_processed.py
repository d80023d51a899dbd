"""Each inbox message has one outbox message that handles it; once that is done, the inbox message has an outcome.

Inbox messages older than the retention of done outbox messages need no outbox message any more.
"""

from shared.invariants.notifications_and_refunds_are_enqueued_once import WITHIN_RETENTION

BREACHES = f"""
select i.id, null::uuid, count(o.id) || ' outbox messages, ' || count(o.done_at) || ' done, outcome ' || coalesce(i.outcome, 'none')
from inbox i left join outbox o on o.payload ->> 'inbox_id' = i.id::text
group by i.id having (count(o.id) <> 1 and i.received_at {WITHIN_RETENTION}) or (count(o.done_at) = 1 and i.processed_at is null)
"""
