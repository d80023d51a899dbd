"""The tables of the line home_chef, and its rules for rows of shared tables."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

# The states a booking may have between transactions, when this migration was written; a test holds the code to it.
AT_REST = """
line <> 'home_chef'
or (status = 'pending' and payment_status in ('failed', 'pending') and acceptance in ('awaiting'))
or (status = 'confirmed' and payment_status in ('failed', 'pending') and acceptance in ('accepted', 'awaiting'))
or (status = 'confirmed' and payment_status in ('partially_refunded', 'success')
  and acceptance in ('accepted', 'awaiting', 'unassigned'))
or (status = 'in_progress' and payment_status in ('partially_refunded', 'success') and acceptance in ('accepted'))
or (status = 'completed' and payment_status in ('partially_refunded', 'refunded', 'success') and acceptance in ('accepted'))
or (status = 'cancelled' and payment_status in ('failed', 'partially_refunded', 'refunded', 'success')
  and acceptance in ('accepted', 'unassigned'))
"""
ASSIGNED = "line <> 'home_chef' or (acceptance = 'unassigned') = (provider_id is null)"
RATE = "line <> 'home_chef' or (rate is not null and rate between 10000 and 500000 and rate % 100 = 0)"
DETAILS = """
line <> 'home_chef'
or (coalesce((details ->> 'duration_hours')::int between 1 and 8, false)
  and coalesce((details ->> 'guest_count')::int between 1 and 20, false)
  and coalesce((details ->> 'rate')::bigint > 0, false))
"""
TARIFF = {
    "valid_from": datetime(2025, 1, 1, tzinfo=UTC),
    "rates": {
        "included_guests": 4,
        "guest_surcharge": 4900,
        "peak_from": "18:00",
        "peak_until": "21:00",
        "peak_bp": 2000,
        "platform_fee_bp": 500,
        "gst_service_bp": 500,
        "gst_fee_bp": 500,
        "commission_bp": 0,
        "gap_minutes": 30,
        "lead_minutes": 120,
        "horizon_days": 60,
    },
    "cancellation": {
        "tiers": [{"from_hours": 24, "refund_bp": 10000}, {"from_hours": 4, "refund_bp": 5000}],
        "operator_compensation_bp": 0,
    },
}


CHECKS = {
    "ck_bookings_home_chef_at_rest": ("bookings", AT_REST),
    "ck_bookings_home_chef_assigned": ("bookings", ASSIGNED),
    "ck_providers_home_chef_rate": ("providers", RATE),
    "ck_appointments_home_chef_details": ("appointments", DETAILS),
}


def upgrade() -> None:
    op.create_table(
        "home_chef_tariffs",
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rates", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("cancellation", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_home_chef_tariffs")),
    )
    op.create_table(
        "home_chef_quotes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("breakdown", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("tariff", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_home_chef_quotes_booking_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name=op.f("fk_home_chef_quotes_customer_id")),
        sa.ForeignKeyConstraint(["tariff"], ["home_chef_tariffs.valid_from"], name=op.f("fk_home_chef_quotes_tariff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_chef_quotes")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_home_chef_quotes_booking_id")),
    )
    op.create_index(
        "ix_home_chef_quotes_customer_id_created_at", "home_chef_quotes", ["customer_id", "created_at"], unique=False
    )
    op.create_index("ix_home_chef_quotes_expires_at", "home_chef_quotes", ["expires_at"], unique=False)
    for name, (table, rule) in CHECKS.items():
        op.create_check_constraint(op.f(name), table, sa.text(rule))
    rows = sa.table(
        "home_chef_tariffs",
        sa.column("valid_from", sa.DateTime(timezone=True)),
        sa.column("rates", postgresql.JSONB),
        sa.column("cancellation", postgresql.JSONB),
    )
    op.bulk_insert(rows, [TARIFF])


def downgrade() -> None:
    for name, (table, _) in reversed(CHECKS.items()):
        op.drop_constraint(op.f(name), table)
    op.drop_table("home_chef_quotes")
    op.drop_table("home_chef_tariffs")
