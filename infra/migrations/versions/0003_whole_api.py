"""What admins change and is written down, invoices, ratings, days that move; indexes for the lists of admins."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

IS_ACTIVE = "status in ('confirmed', 'in_progress', 'pending')"
JSON = postgresql.JSONB(astext_type=Text())
AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    op.create_index("ix_audit_log_subject_id_at_id", "audit_log", ["subject_id", "at", "id"])
    op.create_index("ix_audit_log_actor_id_at_id", "audit_log", ["actor_id", "at", "id"])
    op.create_table(
        "invoice_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", AT, nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.CheckConstraint("kind in ('invoice', 'credit_note')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint("char_length(number) <= 16", name=op.f("ck_invoices_number")),
        sa.CheckConstraint("(kind = 'credit_note') = (refund_id is not null)", name=op.f("ck_invoices_refund_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("series", "serial", name=op.f("uq_invoices_series_serial")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_invoices_refund_id")),
    )
    op.create_index("ix_invoices_booking_id", "invoices", ["booking_id"])
    op.create_index(
        "uq_invoices_booking", "invoices", ["booking_id"], unique=True, postgresql_where=sa.text("kind = 'invoice'")
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_at", AT, nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_index("ix_reconciliation_runs_started_at_id", "reconciliation_runs", ["started_at", "id"])
    op.create_table(
        "home_chef_ratings",
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("chef_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("created_at", AT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("stars between 1 and 5", name=op.f("ck_home_chef_ratings_stars")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_home_chef_ratings_booking_id")),
        sa.ForeignKeyConstraint(["chef_id"], ["chef_profiles.user_id"], name=op.f("fk_home_chef_ratings_chef_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_home_chef_ratings")),
    )
    op.create_index(
        "ix_home_chef_ratings_chef_id_created_at_booking_id",
        "home_chef_ratings",
        ["chef_id", "created_at", "booking_id"],
    )
    _chefs()
    _bookings()
    unread = sa.text("read_at is null")
    op.create_index(
        "ix_notifications_unread", "notifications", ["user_id", "created_at", "id"], postgresql_where=unread
    )
    op.create_index("ix_users_role_created_at_id", "users", ["role", "created_at", "id"])
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])
    _places()
    op.create_index("ix_ledger_transactions_at", "ledger_transactions", ["at"])
    op.create_index("ix_exceptions_created_at_id", "exceptions", ["created_at", "id"])
    op.create_index("ix_payment_attempts_created_at_id", "payment_attempts", ["created_at", "id"])
    op.drop_index("ix_home_chef_quotes_customer_id", "home_chef_quotes")
    op.create_index("ix_home_chef_quotes_customer_id_created_at", "home_chef_quotes", ["customer_id", "created_at"])


def _places() -> None:
    op.drop_index("ix_locations_city", "locations")
    op.create_index(
        "uq_locations_city_pincode",
        "locations",
        [sa.text("lower(city)"), "pincode"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def _chefs() -> None:
    nought = sa.text("0")
    op.add_column("chef_profiles", sa.Column("rating_sum", sa.Integer(), server_default=nought, nullable=False))
    op.add_column("chef_profiles", sa.Column("rating_count", sa.Integer(), server_default=nought, nullable=False))
    op.add_column("chef_profiles", sa.Column("calendar_version", sa.Integer(), server_default=nought, nullable=False))
    op.add_column("chef_profiles", sa.Column("verified_at", AT, nullable=True))
    op.add_column("chef_profiles", sa.Column("verified_by", sa.Uuid(), nullable=True))
    op.add_column("chef_profiles", sa.Column("verification_reference", sa.Text(), nullable=True))
    op.create_foreign_key(op.f("fk_chef_profiles_verified_by"), "chef_profiles", "users", ["verified_by"], ["id"])
    op.create_check_constraint(
        op.f("ck_chef_profiles_verified"), "chef_profiles", sa.text("(verified_at is null) or is_verified")
    )


def _bookings() -> None:
    op.add_column("bookings", sa.Column("cash_agreed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("ix_bookings_created_at_id", "bookings", ["created_at", "id"])
    op.create_index("ix_bookings_status_created_at_id", "bookings", ["status", "created_at", "id"])
    op.create_index("ix_bookings_city_created_at_id", "bookings", [sa.text("lower(city)"), "created_at", "id"])
    op.create_index("ix_bookings_start", "bookings", [sa.text("lower(held)")])
    op.create_index("ix_bookings_ref_prefix", "bookings", ["ref"], postgresql_ops={"ref": "text_pattern_ops"})
    op.create_index(
        "ix_bookings_active_start", "bookings", [sa.text("lower(held)")], postgresql_where=sa.text(IS_ACTIVE)
    )
    nought = sa.text("0")
    op.add_column("home_chef_visits", sa.Column("rescheduled", sa.Integer(), server_default=nought, nullable=False))
    op.add_column("home_chef_visits", sa.Column("refund_cap_bp", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_index("ix_home_chef_quotes_customer_id_created_at", "home_chef_quotes")
    op.create_index("ix_home_chef_quotes_customer_id", "home_chef_quotes", ["customer_id"])
    op.drop_index("ix_payment_attempts_created_at_id", "payment_attempts")
    op.drop_index("ix_exceptions_created_at_id", "exceptions")
    op.drop_index("ix_ledger_transactions_at", "ledger_transactions")
    op.drop_index("uq_locations_city_pincode", "locations")
    op.create_index("ix_locations_city", "locations", [sa.text("lower(city)")])
    op.drop_index("ix_users_created_at_id", "users")
    op.drop_index("ix_users_role_created_at_id", "users")
    op.drop_index("ix_notifications_unread", "notifications")
    op.drop_column("home_chef_visits", "refund_cap_bp")
    op.drop_column("home_chef_visits", "rescheduled")
    for name in ("active_start", "ref_prefix", "start", "city_created_at_id", "status_created_at_id", "created_at_id"):
        op.drop_index(f"ix_bookings_{name}", "bookings")
    op.drop_column("bookings", "cash_agreed")
    op.drop_constraint(op.f("ck_chef_profiles_verified"), "chef_profiles")
    for name in (
        "verification_reference",
        "verified_by",
        "verified_at",
        "calendar_version",
        "rating_count",
        "rating_sum",
    ):
        op.drop_column("chef_profiles", name)
    op.drop_table("home_chef_ratings")
    op.drop_table("reconciliation_runs")
    op.drop_table("invoices")
    op.drop_table("invoice_series")
    op.drop_table("audit_log")
