"""Each notification has one promise to mail it, and each refund that a gateway pays one to send it.

Of those as old as promises are kept once they are done; an older one may have lost its promise to the night's tidying.
"""

from shared.kit.retention import PROMISES

KEPT = f"> cast(:now as timestamptz) - interval '{PROMISES.days} days'"
BREACHES = f"""
with promised as (
  select kind, coalesce(payload ->> 'notification_id', payload ->> 'refund_id') as subject, count(*) as times
  from outbox where kind in ('notifications.mail', 'payments.refund') group by 1, 2
)
select n.id, null::uuid, coalesce(p.times, 0) || ' promises to mail a notification' from notifications n
left join promised p on p.kind = 'notifications.mail' and p.subject = n.id::text
where n.created_at {KEPT} and p.times is distinct from 1
union all
select r.id, r.booking_id, coalesce(p.times, 0) || ' promises to send a refund'
from refunds r join payment_attempts a on a.id = r.attempt_id and a.gateway <> 'cash'
left join promised p on p.kind = 'payments.refund' and p.subject = r.id::text
where r.created_at {KEPT} and p.times is distinct from 1
"""
