"""Each day held against the gateway's answers: the days, the rows, and what a notification named."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

JSON = postgresql.JSONB(astext_type=Text())
AT = sa.DateTime(timezone=True)
OUTCOMES = "'matched', 'ours_only', 'theirs_only', 'amount_differs', 'state_differs', 'fee_differs'"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("named", sa.Text(), nullable=True))
    unsettled = sa.text("processed_at is null or outcome = 'unknown'")
    op.create_index("ix_inbox_unsettled", "inbox", ["received_at"], postgresql_where=unsettled)
    op.create_index("ix_refunds_created_at_id", "refunds", ["created_at", "id"])
    op.create_table(
        "reconciliation_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("completed_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_reconciliation_days")),
    )
    _rows()
    table = "reconciliation_rows"
    op.create_index("ix_reconciliation_rows_created_at_id", table, ["created_at", "id"])
    op.create_index("ix_reconciliation_rows_outcome_created_at_id", table, ["outcome", "created_at", "id"])
    op.create_index("ix_reconciliation_rows_day_outcome", table, ["day", "outcome"])
    still_open = sa.text("closed_at is null")
    op.create_index("ix_reconciliation_rows_open", table, ["created_at", "id"], postgresql_where=still_open)


def _rows() -> None:
    op.create_table(
        "reconciliation_rows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("our_id", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ours", JSON, nullable=True),
        sa.Column("theirs", JSON, nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("compared_at", AT, nullable=False),
        sa.Column("closed_at", AT, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('payment', 'refund', 'notification')", name=op.f("ck_reconciliation_rows_kind")),
        sa.CheckConstraint(f"outcome in ({OUTCOMES})", name=op.f("ck_reconciliation_rows_outcome")),
        *(
            sa.ForeignKeyConstraint([column], [to], name=op.f(f"fk_reconciliation_rows_{column}"))
            for column, to in (
                ("day", "reconciliation_days.day"),
                ("attempt_id", "payment_attempts.id"),
                ("refund_id", "refunds.id"),
                ("booking_id", "bookings.id"),
                ("closed_by", "users.id"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_rows")),
        sa.UniqueConstraint("gateway", "kind", "our_id", name=op.f("uq_reconciliation_rows_gateway_kind_our_id")),
    )


def downgrade() -> None:
    op.drop_table("reconciliation_rows")
    op.drop_table("reconciliation_days")
    op.drop_index("ix_refunds_created_at_id", "refunds")
    op.drop_index("ix_inbox_unsettled", "inbox")
    op.drop_column("inbox", "named")
