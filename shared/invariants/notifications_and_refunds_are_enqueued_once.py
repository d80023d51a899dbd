"""Each notification has exactly one outbox message that mails it; each gateway refund has exactly one that sends it.

Rows older than the retention of done messages are excluded: the nightly purge may have deleted their messages.
"""

from shared.kit.retention import OUTBOX_MESSAGES

WITHIN_RETENTION = f"> cast(:now as timestamptz) - interval '{OUTBOX_MESSAGES.days} days'"
BREACHES = f"""
with enqueued as (
  select kind, coalesce(payload ->> 'notification_id', payload ->> 'refund_id') as subject, count(*) as times
  from outbox where kind in ('notifications.mail', 'payments.refund') group by 1, 2
)
select n.id, null::uuid, coalesce(p.times, 0) || ' messages to mail a notification' from notifications n
left join enqueued p on p.kind = 'notifications.mail' and p.subject = n.id::text
where n.created_at {WITHIN_RETENTION} and p.times is distinct from 1
union all
select r.id, r.booking_id, coalesce(p.times, 0) || ' messages to send a refund'
from refunds r join payment_attempts a on a.id = r.attempt_id and a.gateway <> 'cash'
left join enqueued p on p.kind = 'payments.refund' and p.subject = r.id::text
where r.created_at {WITHIN_RETENTION} and p.times is distinct from 1
"""
