"""For each invariant, statements for tests that break this invariant alone.

`:coming` and the like are the bookings of `tests.kinds`, `:now` the instant of the check. If a changed row alone would
break other invariants, a ledger transaction of a kind that the invariants ignore balances it.
"""


def moved(booking: str, debit: str, credit: str, amount: str = "100", kind: str = "'correction'") -> str:
    """Return the statement that posts an amount from one account to another."""
    return f"""
with fact as (
  insert into ledger_transactions (id, kind, source_id, booking_id, at)
  values (gen_random_uuid(), {kind}, gen_random_uuid(), :{booking}, now()) returning id
)
insert into ledger_postings (id, transaction_id, account, amount)
select gen_random_uuid(), fact.id, account, amount
from fact, (values ('{debit}', cast({amount} as bigint)), ('{credit}', -cast({amount} as bigint))) line(account, amount)
"""


def refunded(booking: str, amount: str, state: str = "done") -> str:
    """Return the statements that refund an amount of an ended booking, with its outbox message and ledger entries."""
    done = f";\n{_booked(booking, 'refund_done', 'refunds_payable', 'gateway_clearing')}" if state == "done" else ""
    return f"""
insert into refunds (id, attempt_id, booking_id, merchant_refund_id, amount, state, reason, next_poll_at)
select gen_random_uuid(), id, booking_id, 'broken', {amount}, '{state}', 'broken', :now
from payment_attempts where booking_id = :{booking} and capture = 'applied';
insert into outbox (id, kind, payload, created_at, due_at, next_try_at)
select gen_random_uuid(), 'payments.refund', jsonb_build_object('refund_id', id), :now, :now, :now
from refunds where merchant_refund_id = 'broken';
{_booked(booking, "earnings_reversed", "platform_revenue", "refunds_payable")}{done}"""


def _booked(booking: str, kind: str, debit: str, credit: str) -> str:
    return f"""
with fact as (
  insert into ledger_transactions (id, kind, source_id, booking_id, at)
  select gen_random_uuid(), '{kind}', id, :{booking}, now() from refunds where merchant_refund_id = 'broken'
  returning id
)
insert into ledger_postings (id, transaction_id, account, amount)
select gen_random_uuid(), fact.id, account, sign * r.amount from fact, refunds r,
  (values ('{debit}', 1), ('{credit}', -1)) line(account, sign) where r.merchant_refund_id = 'broken'
"""


TWICE = """
insert into ledger_transactions (id, kind, source_id, booking_id, at)
select gen_random_uuid(), 'twice', :coming, :coming, now() from generate_series(1, 2)
"""

BREAKERS = {
    "no_two_visits_overlap": """
alter table bookings drop constraint ex_bookings_provider_busy;
update offers set provider_id = (select provider_id from bookings where id = :coming) where booking_id = :twin;
update bookings set provider_id = (select provider_id from bookings where id = :coming) where id = :twin""",
    "ledger_balances": """
insert into ledger_transactions (id, kind, source_id, booking_id, at)
values (gen_random_uuid(), 'correction', gen_random_uuid(), :coming, now())""",
    "daily_totals_match_the_rows": """
insert into user_days (day, made, total) values ('2026-11-19', 0, 1000000)""",
    "ledger_transactions_are_unique": f"""
alter table ledger_transactions drop constraint uq_ledger_transactions_kind_source_id;
{TWICE};
insert into ledger_postings (id, transaction_id, account, amount)
select gen_random_uuid(), t.id, 'gst_payable', a.amount from ledger_transactions t, (values (1), (-1)) a(amount)
where t.kind = 'twice'""",
    "money_held_equals_net_captures": moved("coming", "gateway_fees", "gateway_clearing"),
    "refunds_payable_equals_unfinished_refunds": moved("coming", "gateway_fees", "refunds_payable"),
    "customer_advance_equals_unearned_payments": moved("coming", "gateway_fees", "customer_advance"),
    "every_capture_is_in_the_ledger": """
update ledger_transactions set kind = 'correction' where kind = 'captured' and booking_id = :coming""",
    "every_refund_is_in_the_ledger": """
update ledger_transactions set kind = 'correction' where kind = 'refund_done' and booking_id = :half_back""",
    "earnings_match_booking_status": """
update ledger_transactions set kind = 'correction' where kind = 'completed' and booking_id = :completed""",
    "provider_payables_name_the_bookings_provider": """
update ledger_postings set provider_id = (select provider_id from bookings where id = :twin)
where account = 'provider_payable' and transaction_id in (
  select id from ledger_transactions where kind = 'completed' and booking_id = :completed)""",
    "payment_status_matches_captures_and_refunds": """
update bookings set payment_status = 'partially_refunded' where id = :coming""",
    "refunds_never_exceed_captures": f"""
{refunded("half_back", "amount + 1")};
update bookings set payment_status = 'refunded' where id = :half_back""",
    "unusable_captures_are_refunded": f"""
delete from refunds where booking_id = :late;
{moved("late", "refunds_payable", "gateway_fees", "(select total from bookings where id = :late)")}""",
    "unfinished_payments_are_polled_or_reviewed": "update payment_attempts set next_poll_at = null where booking_id = :unpaid",
    "manual_cases_have_a_review": "update exceptions set closed_at = now() where kind = 'cash_refund'",
    "refunds_finish_in_time": """
update refunds set created_at = cast(:now as timestamptz) - interval '9 days',
  next_poll_at = cast(:now as timestamptz) - interval '2 hours' where booking_id = :late""",
    "unpaid_bookings_expire_in_time": """
update bookings set pay_by = cast(:now as timestamptz) - interval '2 hours' where id = :unpaid""",
    "every_unpaid_booking_has_a_deadline": "update bookings set pay_by = null where id = :unpaid",
    "started_bookings_are_paid": """
alter table bookings drop constraint ck_bookings_home_chef_at_rest;
update bookings set status = 'in_progress', acceptance = 'accepted' where id = :unpaid;
update offers set state = 'accepted' where booking_id = :unpaid;
insert into booking_events (booking_id, at, actor, kind, from_status, to_status)
values (:unpaid, now(), 'system', 'moved', 'pending', 'confirmed'), (:unpaid, now(), 'system', 'moved', 'confirmed', 'in_progress')""",
    "payments_match_the_amount_due": "update payments set amount = amount + 1 where booking_id = :coming",
    "history_records_every_status_change": "delete from booking_events where booking_id = :coming and kind = 'confirmed'",
    "notifications_and_refunds_are_enqueued_once": """
delete from outbox where kind = 'payments.refund'
and payload ->> 'refund_id' in (select id::text from refunds where booking_id = :late)""",
    "inbox_messages_are_processed": "update inbox set processed_at = null",
    "invoice_numbers_have_no_gaps": "update invoice_series set last = last + 1",
    "every_completed_booking_has_an_invoice": """
update invoices set booking_id = :coming where kind = 'invoice' and booking_id = :completed""",
    "credit_notes_match_their_refunds": """
update invoices set document = jsonb_set(document, '{total}', '1') where kind = 'credit_note'""",
    "visits_are_complete": "update appointments set rescheduled = 3 where booking_id = :coming",
    "customers_have_no_overlapping_appointments": """
update bookings set customer_id = (select customer_id from bookings where id = :coming) where id = :twin""",
    "offers_match_their_bookings": "update offers set state = 'withdrawn' where booking_id = :coming",
    "open_offers_expire_in_time": """
update offers set expires_at = cast(:now as timestamptz) - interval '2 hours' where booking_id = :awaiting""",
    "an_unassigned_appointment_is_under_review": "delete from exceptions where kind = 'no_provider'",
    "prices_match_the_tariff": """
update appointments set details = details || jsonb_build_object('rate', (details ->> 'rate')::int + 100)
where booking_id = :twin""",
    "bookings_charge_the_quoted_price": "update home_chef_quotes set total = total + 1",
    "reschedules_refund_the_difference": "update refunds set reason = 'a whim' where booking_id = :moved",
    "earnings_split_matches_the_price": """
update ledger_postings set amount = amount + case account when 'provider_payable' then 100 else -100 end
where account in ('provider_payable', 'platform_revenue') and transaction_id in (
  select id from ledger_transactions where kind = 'completed' and booking_id = :completed)""",
    "every_refund_of_an_invoice_has_a_credit_note": refunded("completed", "100", "pending"),
    "rating_totals_match_the_ratings": "update providers set rating_sum = rating_sum + 1",
}
