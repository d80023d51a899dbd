"""The first line of business: a chef at home."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# What may be at rest, as it was when this migration was written; a test holds it against the code's table.
AT_REST = """
line <> 'home_chef'
or (status = 'pending' and payment_status in ('failed', 'pending') and answer in ('awaiting'))
or (status = 'confirmed' and payment_status in ('failed', 'pending') and answer in ('accepted', 'awaiting'))
or (status = 'confirmed' and payment_status in ('partially_refunded', 'success')
  and answer in ('accepted', 'awaiting', 'unassigned'))
or (status = 'in_progress' and payment_status in ('partially_refunded', 'success') and answer in ('accepted'))
or (status = 'completed' and payment_status in ('partially_refunded', 'refunded', 'success') and answer in ('accepted'))
or (status = 'cancelled' and payment_status in ('failed', 'partially_refunded', 'refunded', 'success')
  and answer in ('accepted', 'unassigned'))
"""
ASSIGNED = "line <> 'home_chef' or (answer = 'unassigned') = (provider_id is null)"
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
        "chef_profiles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("specialties", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("experience_years", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rating", sa.Numeric(precision=3, scale=2, asdecimal=False), nullable=True),
        sa.Column("total_bookings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("hourly_rate", sa.BigInteger(), server_default=sa.text("39900"), nullable=False),
        sa.Column("is_available", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("service_city", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "hourly_rate between 10000 and 500000 and hourly_rate % 100 = 0", name=op.f("ck_chef_profiles_hourly_rate")
        ),
        sa.CheckConstraint("rating between 1 and 5", name=op.f("ck_chef_profiles_rating")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_chef_profiles_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_chef_profiles")),
    )
    op.create_index(
        "ix_chef_profiles_city",
        "chef_profiles",
        [sa.literal_column("lower(service_city)"), "hourly_rate"],
        unique=False,
    )
    op.create_table(
        "chef_availability",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chef_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("chef_id"), "="),
            (sa.column("weekday"), "="),
            (sa.text("int4range(starts, ends)"), "&&"),
            using="gist",
            name="ex_chef_availability_overlap",
        ),
        sa.CheckConstraint("0 <= starts and starts < ends and ends <= 1440", name=op.f("ck_chef_availability_day")),
        sa.CheckConstraint("weekday between 0 and 6", name=op.f("ck_chef_availability_weekday")),
        sa.ForeignKeyConstraint(["chef_id"], ["chef_profiles.user_id"], name=op.f("fk_chef_availability_chef_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chef_availability")),
    )
    op.create_table(
        "chef_days_off",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chef_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["chef_id"], ["chef_profiles.user_id"], name=op.f("fk_chef_days_off_chef_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chef_days_off")),
        sa.UniqueConstraint("chef_id", "day", name=op.f("uq_chef_days_off_chef_id_day")),
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
    op.create_index(op.f("ix_home_chef_quotes_customer_id"), "home_chef_quotes", ["customer_id"], unique=False)
    op.create_table(
        "home_chef_visits",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=True),
        sa.Column("address", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("booking_date", sa.Date(), nullable=False),
        sa.Column("time_slot", sa.Time(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_hours", sa.Integer(), nullable=False),
        sa.Column("guest_count", sa.Integer(), nullable=False),
        sa.Column("special_requests", sa.Text(), nullable=True),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("earning", sa.BigInteger(), nullable=False),
        sa.Column("cancellation", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("chef_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("duration_hours between 1 and 8", name=op.f("ck_home_chef_visits_duration_hours")),
        sa.CheckConstraint("guest_count between 1 and 20", name=op.f("ck_home_chef_visits_guest_count")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_home_chef_visits_times")),
        sa.ForeignKeyConstraint(
            ["address_id"], ["addresses.id"], name=op.f("fk_home_chef_visits_address_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_home_chef_visits_booking_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_home_chef_visits")),
    )
    op.create_index(op.f("ix_home_chef_visits_address_id"), "home_chef_visits", ["address_id"], unique=False)
    op.create_index("ix_home_chef_visits_starts_at", "home_chef_visits", ["starts_at"], unique=False)
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("chef_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state in ('open', 'accepted', 'declined', 'lapsed', 'withdrawn')", name=op.f("ck_offers_state")
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_offers_booking_id")),
        sa.ForeignKeyConstraint(["chef_id"], ["chef_profiles.user_id"], name=op.f("fk_offers_chef_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("booking_id", "chef_id", name=op.f("uq_offers_booking_id_chef_id")),
    )
    op.create_index(
        "ix_offers_expires_at",
        "offers",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open' and expires_at is not null"),
    )
    op.create_index(
        "uq_offers_open",
        "offers",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("state in ('open', 'accepted')"),
    )
    op.create_check_constraint(op.f("ck_bookings_home_chef_at_rest"), "bookings", sa.text(AT_REST))
    op.create_check_constraint(op.f("ck_bookings_home_chef_assigned"), "bookings", sa.text(ASSIGNED))
    rows = sa.table(
        "home_chef_tariffs",
        sa.column("valid_from", sa.DateTime(timezone=True)),
        sa.column("rates", postgresql.JSONB),
        sa.column("cancellation", postgresql.JSONB),
    )
    op.bulk_insert(rows, [TARIFF])


def downgrade() -> None:
    op.drop_constraint(op.f("ck_bookings_home_chef_assigned"), "bookings")
    op.drop_constraint(op.f("ck_bookings_home_chef_at_rest"), "bookings")
    op.drop_table("offers")
    op.drop_table("home_chef_visits")
    op.drop_table("home_chef_quotes")
    op.drop_table("chef_days_off")
    op.drop_table("chef_availability")
    op.drop_table("chef_profiles")
    op.drop_table("home_chef_tariffs")
