"""The tables of the core, shared by every line of business."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

ACCOUNTS = [
    {"code": "gateway_clearing", "name": "Held by the payment gateway for us", "type": "asset"},
    {"code": "cash", "name": "Cash taken at visits", "type": "asset"},
    {"code": "bank", "name": "Our bank account", "type": "asset"},
    {"code": "provider_held", "name": "Cash that providers hold for us", "type": "asset"},
    {"code": "customer_advance", "name": "Paid by customers in advance", "type": "liability"},
    {"code": "refunds_payable", "name": "Owed to customers as refunds", "type": "liability"},
    {"code": "provider_payable", "name": "Owed to providers", "type": "liability"},
    {"code": "gst_payable", "name": "Tax collected, owed to the state", "type": "liability"},
    {"code": "platform_revenue", "name": "Earned by the platform", "type": "income"},
    {"code": "gateway_fees", "name": "Kept by the payment gateway", "type": "expense"},
]
# Each transaction of the ledger sums to zero at its commit, and no row of it ever changes.
LEDGER = """
create function ledger_balanced() returns trigger language plpgsql as $$
declare
  of_transaction uuid := case tg_table_name when 'ledger_transactions' then new.id end;
begin
  if tg_table_name = 'ledger_postings' then of_transaction := new.transaction_id; end if;
  if (select coalesce(sum(amount), 1) from ledger_postings where transaction_id = of_transaction) <> 0 then
    raise exception 'postings of transaction % do not sum to zero', of_transaction
      using errcode = 'check_violation', constraint = 'ledger_balanced';
  end if;
  return null;
end $$;
create constraint trigger ledger_balanced after insert on ledger_postings
  deferrable initially deferred for each row execute function ledger_balanced();
create constraint trigger ledger_balanced after insert on ledger_transactions
  deferrable initially deferred for each row execute function ledger_balanced();
create function ledger_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the ledger is append-only: correct by a reversing entry'
    using errcode = 'check_violation', constraint = 'ledger_append_only';
end $$;
create trigger ledger_append_only before update or delete or truncate on ledger_postings
  for each statement execute function ledger_append_only();
create trigger ledger_append_only before update or delete or truncate on ledger_transactions
  for each statement execute function ledger_append_only();
"""


# Two refunds at once wait for each other at their attempt's row, as in the code, so that each counts the other.
REFUNDS_WITHIN_CAPTURE = """
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


def upgrade() -> None:
    op.execute("create extension if not exists btree_gist")
    op.execute("create extension if not exists pg_trgm")
    _messages()
    _people()
    _places()
    _notifications()
    _ledger()
    _invoices()
    _bookings()
    _payments()
    _reconciliation()


def _messages() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("named", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "dedupe_key", name=op.f("uq_inbox_source_dedupe_key")),
    )
    op.create_index(
        "ix_inbox_processed_at",
        "inbox",
        ["processed_at"],
        unique=False,
        postgresql_where=sa.text("processed_at is not null"),
    )
    op.create_index(
        "ix_inbox_unsettled",
        "inbox",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("processed_at is null or outcome = 'unknown'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("counted_from", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_dead", "outbox", ["created_at", "id"], unique=False, postgresql_where=sa.text("dead_at is not null")
    )
    op.create_index(
        "ix_outbox_done_at", "outbox", ["done_at"], unique=False, postgresql_where=sa.text("done_at is not null")
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("done_at is null and dead_at is null"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_action_at_id", "audit_log", ["action", "at", "id"], unique=False)
    op.create_index("ix_audit_log_actor_id_at_id", "audit_log", ["actor_id", "at", "id"], unique=False)
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"], unique=False)
    op.create_index("ix_audit_log_subject_at_id", "audit_log", ["subject", "at", "id"], unique=False)
    op.create_index("ix_audit_log_subject_id_at_id", "audit_log", ["subject_id", "at", "id"], unique=False)


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default="customer", nullable=False),
        sa.Column("dob", sa.Date(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(btrim(email))", name=op.f("ck_users_email_normal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_users_inactive", "users", ["created_at", "id"], unique=False, postgresql_where=sa.text("not is_active")
    )
    op.create_index("ix_users_role_created_at_id", "users", ["role", "created_at", "id"], unique=False)
    op.create_index(
        "ix_users_searched",
        "users",
        [
            sa.literal_column("name").label("name"),
            sa.literal_column("email").label("email"),
            sa.literal_column("ltrim(phone, '+')").label("phone"),
        ],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops", "email": "gin_trgm_ops", "phone": "gin_trgm_ops"},
    )
    op.create_index(
        "uq_users_verified_phone",
        "users",
        ["phone"],
        unique=True,
        postgresql_where=sa.text("phone_verified_at is not null"),
    )
    op.create_table(
        "user_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_user_days")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_over", "sessions", [sa.literal_column("least(ended_at, expires_at)")], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)


def _places() -> None:
    op.create_table(
        "locations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pincode", sa.Text(), nullable=True),
        sa.Column("is_serviceable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
    )
    op.create_index(
        "uq_locations_city_pincode",
        "locations",
        [sa.literal_column("lower(city)"), "pincode"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "service_areas",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("radius_km", sa.Double(), server_default=sa.text("10"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("radius_km > 0", name=op.f("ck_service_areas_radius")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_service_areas_location_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_areas")),
    )
    op.create_index(op.f("ix_service_areas_location_id"), "service_areas", ["location_id"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.Text(), server_default="Home", nullable=False),
        sa.Column("full_address", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("pincode", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(latitude is null) = (longitude is null)", name=op.f("ck_addresses_both_coordinates")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_addresses_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
    )
    op.create_index("ix_addresses_user_id_created_at_id", "addresses", ["user_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_addresses_default", "addresses", ["user_id"], unique=True, postgresql_where=sa.text("is_default")
    )


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("read_at is null"),
    )
    op.create_index(
        "ix_notifications_user_id_created_at_id", "notifications", ["user_id", "created_at", "id"], unique=False
    )
    op.create_index("uq_notifications_fact", "notifications", ["user_id", "dedupe_key"], unique=True)


def _ledger() -> None:
    op.create_table(
        "ledger_accounts",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_ledger_accounts")),
    )
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
        sa.UniqueConstraint("kind", "source_id", name=op.f("uq_ledger_transactions_kind_source_id")),
    )
    op.create_index("ix_ledger_transactions_at", "ledger_transactions", ["at"], unique=False)
    op.create_index("ix_ledger_transactions_booking_id", "ledger_transactions", ["booking_id"], unique=False)
    op.create_table(
        "ledger_postings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_postings_amount")),
        sa.ForeignKeyConstraint(["account"], ["ledger_accounts.code"], name=op.f("fk_ledger_postings_account")),
        sa.ForeignKeyConstraint(["provider_id"], ["users.id"], name=op.f("fk_ledger_postings_provider_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_ledger_postings_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_postings")),
    )
    op.create_index(
        "ix_ledger_postings_provider_id",
        "ledger_postings",
        ["provider_id", "account"],
        unique=False,
        postgresql_include=["transaction_id", "amount"],
        postgresql_where=sa.text("provider_id is not null"),
    )
    op.create_index(op.f("ix_ledger_postings_transaction_id"), "ledger_postings", ["transaction_id"], unique=False)
    op.create_table(
        "ledger_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("moved", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("balances", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_ledger_days")),
    )
    accounts = sa.table("ledger_accounts", sa.column("code"), sa.column("name"), sa.column("type"))
    op.bulk_insert(accounts, ACCOUNTS)
    op.execute(LEDGER)


def _invoices() -> None:
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
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.CheckConstraint("(kind = 'credit_note') = (refund_id is not null)", name=op.f("ck_invoices_refund_known")),
        sa.CheckConstraint("kind in ('invoice', 'credit_note')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint("char_length(number) <= 16", name=op.f("ck_invoices_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("number", name=op.f("uq_invoices_number")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_invoices_refund_id")),
        sa.UniqueConstraint("series", "serial", name=op.f("uq_invoices_series_serial")),
    )
    op.create_index("ix_invoices_booking_id", "invoices", ["booking_id"], unique=False)
    op.create_index(
        "uq_invoices_booking", "invoices", ["booking_id"], unique=True, postgresql_where=sa.text("kind = 'invoice'")
    )


def _bookings() -> None:
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Uuid(), nullable=True),
        sa.Column("busy_period", postgresql.TSTZRANGE(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payment_status", sa.Text(), nullable=False),
        sa.Column("acceptance", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("breakdown", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("pay_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pay_by_extended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cash_agreed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cancellation_reason", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("provider_id"), "="),
            (sa.column("busy_period"), "&&"),
            where=sa.text("status in ('confirmed', 'in_progress', 'pending')"),
            using="gist",
            name="ex_bookings_provider_busy",
        ),
        sa.CheckConstraint("acceptance in ('unassigned', 'awaiting', 'accepted')", name=op.f("ck_bookings_acceptance")),
        sa.CheckConstraint(
            "payment_status in ('pending', 'success', 'failed', 'refunded', 'partially_refunded')",
            name=op.f("ck_bookings_payment_status"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'confirmed', 'in_progress', 'completed', 'cancelled')",
            name=op.f("ck_bookings_status"),
        ),
        sa.CheckConstraint("total >= 0", name=op.f("ck_bookings_total")),
        sa.ForeignKeyConstraint(["customer_id"], ["users.id"], name=op.f("fk_bookings_customer_id")),
        sa.ForeignKeyConstraint(["provider_id"], ["users.id"], name=op.f("fk_bookings_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookings")),
        sa.UniqueConstraint("ref", name=op.f("uq_bookings_ref")),
    )
    op.create_index(
        "ix_bookings_active_start",
        "bookings",
        [sa.literal_column("lower(busy_period)")],
        unique=False,
        postgresql_where=sa.text("status in ('confirmed', 'in_progress', 'pending')"),
    )
    op.create_index(
        "ix_bookings_acceptance_created_at_id",
        "bookings",
        ["acceptance", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("acceptance <> 'accepted'"),
    )
    op.create_index(
        "ix_bookings_city_created_at_id",
        "bookings",
        [sa.literal_column("lower(city)"), "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_bookings_created_at_id", "bookings", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_bookings_customer_id_created_at_id", "bookings", ["customer_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_bookings_pay_by",
        "bookings",
        ["pay_by"],
        unique=False,
        postgresql_where=sa.text("pay_by is not null and status in ('confirmed', 'in_progress', 'pending')"),
    )
    op.create_index(
        "ix_bookings_payment_status_created_at_id",
        "bookings",
        ["payment_status", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("payment_status <> 'success'"),
    )
    op.create_index(
        "ix_bookings_provider_id_created_at_id", "bookings", ["provider_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_bookings_ref_prefix", "bookings", ["ref"], unique=False, postgresql_ops={"ref": "text_pattern_ops"}
    )
    op.create_index("ix_bookings_start", "bookings", [sa.literal_column("lower(busy_period)")], unique=False)
    op.create_index("ix_bookings_status_created_at_id", "bookings", ["status", "created_at", "id"], unique=False)
    op.create_table(
        "booking_events",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_booking_events_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_events")),
    )
    op.create_index("ix_booking_events_booking_id_id", "booking_events", ["booking_id", "id"], unique=False)
    op.create_table(
        "exceptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_exceptions_booking_id")),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_exceptions_closed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exceptions")),
    )
    op.create_index("ix_exceptions_booking_id", "exceptions", ["booking_id"], unique=False)
    op.create_index("ix_exceptions_created_at_id", "exceptions", ["created_at", "id"], unique=False)
    op.create_index(
        "uq_exceptions_open",
        "exceptions",
        ["kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "booking_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_booking_days")),
    )


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="INR", nullable=False),
        sa.Column("online", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("paid_at is null or withdrawn_at is null", name=op.f("ck_payments_paid_or_withdrawn")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_payments_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("booking_id", "purpose", name=op.f("uq_payments_booking_id_purpose")),
    )
    op.create_index(
        "uq_payments_open",
        "payments",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("paid_at is null and withdrawn_at is null"),
    )
    op.create_table(
        "payment_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("merchant_txn_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="INR", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("capture", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_url", sa.Text(), nullable=True),
        sa.Column("gateway_txn_id", sa.Text(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raw", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(state = 'succeeded') = (capture is not null)", name=op.f("ck_payment_attempts_capture_known")
        ),
        sa.CheckConstraint("capture in ('applied', 'late', 'duplicate')", name=op.f("ck_payment_attempts_capture")),
        sa.CheckConstraint(
            "state in ('created', 'pending', 'succeeded', 'failed', 'mismatched')",
            name=op.f("ck_payment_attempts_state"),
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_payment_attempts_booking_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_attempts_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("merchant_txn_id", name=op.f("uq_payment_attempts_merchant_txn_id")),
    )
    op.create_index(op.f("ix_payment_attempts_booking_id"), "payment_attempts", ["booking_id"], unique=False)
    op.create_index(
        "ix_payment_attempts_cash",
        "payment_attempts",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("gateway = 'cash'"),
    )
    op.create_index("ix_payment_attempts_created_at_id", "payment_attempts", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_payment_attempts_next_poll_at",
        "payment_attempts",
        ["next_poll_at"],
        unique=False,
        postgresql_where=sa.text("next_poll_at is not null"),
    )
    op.create_index(op.f("ix_payment_attempts_payment_id"), "payment_attempts", ["payment_id"], unique=False)
    op.create_index(
        "ix_payment_attempts_state_created_at_id",
        "payment_attempts",
        ["state", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("state <> 'succeeded'"),
    )
    op.create_index(
        "uq_payment_attempts_applied",
        "payment_attempts",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("capture = 'applied'"),
    )
    op.create_index(
        "uq_payment_attempts_live",
        "payment_attempts",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("state in ('created', 'pending')"),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("booking_id", sa.Uuid(), nullable=False),
        sa.Column("merchant_refund_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), server_default="INR", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("borne_by", sa.Text(), server_default="platform", nullable=False),
        sa.Column("gateway_refund_id", sa.Text(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raw", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("borne_by in ('platform', 'provider')", name=op.f("ck_refunds_borne_by")),
        sa.CheckConstraint(
            "state in ('created', 'sent', 'pending', 'done', 'needs_person')", name=op.f("ck_refunds_state")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["attempt_id"], ["payment_attempts.id"], name=op.f("fk_refunds_attempt_id")),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_refunds_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("merchant_refund_id", name=op.f("uq_refunds_merchant_refund_id")),
    )
    op.create_index(op.f("ix_refunds_attempt_id"), "refunds", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_refunds_booking_id"), "refunds", ["booking_id"], unique=False)
    op.create_index("ix_refunds_created_at_id", "refunds", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_refunds_next_poll_at",
        "refunds",
        ["next_poll_at"],
        unique=False,
        postgresql_where=sa.text("next_poll_at is not null"),
    )
    op.execute(REFUNDS_WITHIN_CAPTURE)


def _reconciliation() -> None:
    op.create_table(
        "reconciliation_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_reconciliation_days")),
    )
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
        sa.Column("ours", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("theirs", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('payment', 'refund', 'notification')", name=op.f("ck_reconciliation_rows_kind")),
        sa.CheckConstraint(
            "outcome in ('matched', 'ours_only', 'theirs_only', 'amount_differs', 'state_differs', 'fee_differs')",
            name=op.f("ck_reconciliation_rows_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["payment_attempts.id"], name=op.f("fk_reconciliation_rows_attempt_id")
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["bookings.id"], name=op.f("fk_reconciliation_rows_booking_id")),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_reconciliation_rows_closed_by")),
        sa.ForeignKeyConstraint(["day"], ["reconciliation_days.day"], name=op.f("fk_reconciliation_rows_day")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_reconciliation_rows_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_rows")),
        sa.UniqueConstraint("gateway", "kind", "our_id", name=op.f("uq_reconciliation_rows_gateway_kind_our_id")),
    )
    op.create_index("ix_reconciliation_rows_created_at_id", "reconciliation_rows", ["created_at", "id"], unique=False)
    op.create_index("ix_reconciliation_rows_day_outcome", "reconciliation_rows", ["day", "outcome"], unique=False)
    op.create_index(
        "ix_reconciliation_rows_open",
        "reconciliation_rows",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_index(
        "ix_reconciliation_rows_outcome_created_at_id",
        "reconciliation_rows",
        ["outcome", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_index("ix_reconciliation_runs_started_at_id", "reconciliation_runs", ["started_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("reconciliation_runs")
    op.drop_table("reconciliation_rows")
    op.drop_table("reconciliation_days")
    op.drop_table("refunds")
    op.drop_table("payment_attempts")
    op.drop_table("payments")
    op.drop_table("booking_days")
    op.drop_table("exceptions")
    op.drop_table("booking_events")
    op.drop_table("bookings")
    op.drop_table("invoices")
    op.drop_table("invoice_series")
    op.drop_table("ledger_days")
    op.drop_table("ledger_postings")
    op.drop_table("ledger_transactions")
    op.drop_table("ledger_accounts")
    op.drop_table("notifications")
    op.drop_table("addresses")
    op.drop_table("service_areas")
    op.drop_table("locations")
    op.drop_table("sessions")
    op.drop_table("user_days")
    op.drop_table("users")
    op.drop_table("audit_log")
    op.drop_table("idempotency_keys")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.execute("drop function ledger_balanced, ledger_append_only, refunds_within_capture")
