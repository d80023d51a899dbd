"""The tables of lines with appointments: providers, their weeks, appointments, offers, ratings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "providers",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("specialties", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("experience_years", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rating", sa.Numeric(precision=3, scale=2, asdecimal=False), nullable=True),
        sa.Column("rating_sum", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rating_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_bookings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=True),
        sa.Column("is_available", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("verification_reference", sa.Text(), nullable=True),
        sa.Column("service_city", sa.Text(), nullable=True),
        sa.Column("calendar_version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(verified_at is null) or is_verified", name=op.f("ck_providers_verified")),
        sa.CheckConstraint("rate > 0", name=op.f("ck_providers_rate")),
        sa.CheckConstraint("rating between 1 and 5", name=op.f("ck_providers_rating")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_providers_user_id")),
        sa.ForeignKeyConstraint(["verified_by"], ["users.id"], name=op.f("fk_providers_verified_by")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_providers")),
    )
    op.create_index(
        "ix_providers_city", "providers", ["line", sa.literal_column("lower(service_city)"), "rate"], unique=False
    )
    op.create_table(
        "appointments",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=True),
        sa.Column("address", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("booking_date", sa.Date(), nullable=False),
        sa.Column("time_slot", sa.Time(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earning", sa.BigInteger(), nullable=False),
        sa.Column("cancellation", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("provider_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rescheduled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refund_cap_bp", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_appointments_times")),
        sa.ForeignKeyConstraint(
            ["address_id"], ["addresses.id"], name=op.f("fk_appointments_address_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_appointments_booking_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_appointments")),
    )
    op.create_index(op.f("ix_appointments_address_id"), "appointments", ["address_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state in ('open', 'accepted', 'declined', 'lapsed', 'withdrawn')", name=op.f("ck_offers_state")
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_offers_booking_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.user_id"], name=op.f("fk_offers_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("booking_id", "provider_id", name=op.f("uq_offers_booking_id_provider_id")),
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
    op.create_table(
        "provider_availability",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("provider_id"), "="),
            (sa.column("weekday"), "="),
            (sa.text("int4range(starts, ends)"), "&&"),
            using="gist",
            name="ex_provider_availability_overlap",
        ),
        sa.CheckConstraint("0 <= starts and starts < ends and ends <= 1440", name=op.f("ck_provider_availability_day")),
        sa.CheckConstraint("weekday between 0 and 6", name=op.f("ck_provider_availability_weekday")),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.user_id"], name=op.f("fk_provider_availability_provider_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_availability")),
    )
    op.create_table(
        "provider_days_off",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.user_id"], name=op.f("fk_provider_days_off_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_days_off")),
        sa.UniqueConstraint("provider_id", "day", name=op.f("uq_provider_days_off_provider_id_day")),
    )
    op.create_table(
        "ratings",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("stars between 1 and 5", name=op.f("ck_ratings_stars")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_ratings_booking_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.user_id"], name=op.f("fk_ratings_provider_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_ratings")),
    )
    op.create_index(
        "ix_ratings_provider_id_created_at_booking_id",
        "ratings",
        ["provider_id", "created_at", "booking_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("ratings")
    op.drop_table("provider_days_off")
    op.drop_table("provider_availability")
    op.drop_table("offers")
    op.drop_table("appointments")
    op.drop_table("providers")
