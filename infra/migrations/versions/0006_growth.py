"""Days summed up once they are over, and the indexes of lists that look for what is rare in what is many.

An index is made while its table takes no writes: about a second for each million rows. `concurrently` cannot be used
here, since a step is one transaction; on a database that is large already, make them by hand beforehand, under these
names, concurrently: what is there is left as it is.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

JSON = postgresql.JSONB(astext_type=Text())
SEARCHED = {"name": "name", "email": "email", "phone": "ltrim(phone, '+')"}
# The lists of admins, the newest first: on what, and of which rows.
LISTS = {
    "ix_bookings_payment_status_created_at_id": (
        "bookings",
        ["payment_status", "created_at", "id"],
        "payment_status <> 'success'",
    ),
    "ix_bookings_answer_created_at_id": ("bookings", ["answer", "created_at", "id"], "answer <> 'accepted'"),
    "ix_payment_attempts_state_created_at_id": (
        "payment_attempts",
        ["state", "created_at", "id"],
        "state <> 'succeeded'",
    ),
    "ix_payment_attempts_cash": ("payment_attempts", ["created_at", "id"], "gateway = 'cash'"),
    "ix_users_inactive": ("users", ["created_at", "id"], "not is_active"),
    "ix_audit_log_subject_at_id": ("audit_log", ["subject", "at", "id"], None),
    "ix_audit_log_action_at_id": ("audit_log", ["action", "at", "id"], None),
}


def upgrade() -> None:
    op.execute("create extension if not exists pg_trgm")
    for table, sums in {"ledger_days": ("moved", "balances"), "booking_days": ("made", "totals")}.items():
        counted = [sa.Column(name, JSON, nullable=False) for name in sums]
        op.create_table(
            table,
            sa.Column("day", sa.Date(), nullable=False),
            *counted,
            sa.PrimaryKeyConstraint("day", name=op.f(f"pk_{table}")),
        )
    op.create_table(
        "user_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_user_days")),
    )
    for name, (table, columns, rows) in LISTS.items():
        where = sa.text(rows) if rows else None
        op.create_index(name, table, columns, postgresql_where=where, if_not_exists=True)
    op.create_index(
        "ix_users_searched",
        "users",
        [sa.literal_column(expression).label(name) for name, expression in SEARCHED.items()],
        postgresql_using="gin",
        postgresql_ops=dict.fromkeys(SEARCHED, "gin_trgm_ops"),
        if_not_exists=True,
    )
    _index_earnings(
        ["provider_id", "account"],
        postgresql_include=["transaction_id", "amount"],
        postgresql_where=sa.text("provider_id is not null"),
    )
    op.drop_index("ix_home_chef_visits_starts_at", "home_chef_visits")


def _index_earnings(columns: list[str], **options: object) -> None:
    op.drop_index("ix_ledger_postings_provider_id", "ledger_postings")
    op.create_index("ix_ledger_postings_provider_id", "ledger_postings", columns, **options)  # type: ignore[arg-type]


def downgrade() -> None:
    op.create_index("ix_home_chef_visits_starts_at", "home_chef_visits", ["starts_at"])
    _index_earnings(["provider_id"])
    op.drop_index("ix_users_searched", "users")
    for name, (table, _, _) in LISTS.items():
        op.drop_index(name, table)
    op.drop_table("user_days")
    op.drop_table("booking_days")
    op.drop_table("ledger_days")
