"""Tasks that died, refunds within their capture, and an index by age for each table that is tidied."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

AT = sa.DateTime(timezone=True)
STATES = "state in ('created', 'sent', 'pending', 'done', 'needs_person')"
STATES_BEFORE = "state in ('created', 'sent', 'pending', 'done', 'failed', 'needs_person')"
# Two refunds at once wait for each other at their payment, as the code does: then each is counted with the other.
WITHIN_CAPTURE = """
create function refunds_within_capture() returns trigger language plpgsql as $$
declare
  captured bigint;
begin
  select amount into captured from payment_attempts where id = new.attempt_id and capture is not null
    for no key update;
  if (select sum(amount) from refunds where attempt_id = new.attempt_id) > coalesce(captured, 0) then
    raise exception 'more is refunded of attempt % than was captured', new.attempt_id
      using errcode = 'check_violation', constraint = 'refunds_within_capture';
  end if;
  return null;
end $$;
create trigger refunds_within_capture after insert or update of amount, attempt_id on refunds
  for each row execute function refunds_within_capture();
"""
# The index by age of each table that is tidied: on what, and of which rows.
AGES = {
    "ix_outbox_done_at": ("outbox", "done_at", "done_at is not null"),
    "ix_inbox_processed_at": ("inbox", "processed_at", "processed_at is not null"),
    "ix_idempotency_keys_created_at": ("idempotency_keys", "created_at", None),
    "ix_sessions_over": ("sessions", "least(ended_at, expires_at)", None),
    "ix_home_chef_quotes_expires_at": ("home_chef_quotes", "expires_at", None),
}


def upgrade() -> None:
    op.add_column("outbox", sa.Column("counted_from", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("outbox", sa.Column("dead_at", AT, nullable=True))
    _index_waiting("done_at is null and dead_at is null")
    dead = sa.text("dead_at is not null")
    op.create_index("ix_outbox_dead", "outbox", ["created_at", "id"], postgresql_where=dead)
    for name, (table, column, rows) in AGES.items():
        op.create_index(name, table, [sa.text(column)], postgresql_where=sa.text(rows) if rows else None)
    _check_states(STATES)
    op.execute(WITHIN_CAPTURE)


def _index_waiting(rows: str) -> None:
    op.drop_index("ix_outbox_waiting", "outbox")
    op.create_index("ix_outbox_waiting", "outbox", ["next_try_at"], postgresql_where=sa.text(rows))


def _check_states(allowed: str) -> None:
    op.drop_constraint(op.f("ck_refunds_state"), "refunds")
    op.create_check_constraint(op.f("ck_refunds_state"), "refunds", sa.text(allowed))


def downgrade() -> None:
    op.execute("drop trigger refunds_within_capture on refunds")
    op.execute("drop function refunds_within_capture")
    _check_states(STATES_BEFORE)
    for name, (table, _, _) in AGES.items():
        op.drop_index(name, table)
    op.drop_index("ix_outbox_dead", "outbox")
    _index_waiting("done_at is null")
    op.drop_column("outbox", "dead_at")
    op.drop_column("outbox", "counted_from")
