"""For each invariant, raw SQL that breaks it and no other.

`:coming` and the like are bookings of `tests.kinds`, `:now` is the invariants' instant. Where a row alone would break
other invariants too, a ledger transaction of an unused kind balances it.
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
    """Return the statements of a refund of an ended booking with everything that belongs to it."""
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
    "days_are_what_fell_on_them": """
insert into user_days (day, made, total) values ('2026-11-19', 0, 1000000)""",
    "facts_are_booked_once": f"""
alter table ledger_transactions drop constraint uq_ledger_transactions_kind_source_id;
{TWICE};
insert into ledger_postings (id, transaction_id, account, amount)
select gen_random_uuid(), t.id, 'gst_payable', a.amount from ledger_transactions t, (values (1), (-1)) a(amount)
where t.kind = 'twice'""",
    "money_held_is_what_came_and_stayed": moved("coming", "gateway_fees", "gateway_clearing"),
    "what_is_owed_back_is_on_its_way": moved("coming", "gateway_fees", "refunds_payable"),
    "the_advance_is_what_is_still_to_come": moved("coming", "gateway_fees", "customer_advance"),
    "every_capture_is_booked": """
update ledger_transactions set kind = 'correction' where kind = 'captured' and booking_id = :coming""",
    "every_refund_is_booked": """
update ledger_transactions set kind = 'correction' where kind = 'refund_done' and booking_id = :half_back""",
    "earnings_belong_to_what_has_ended": """
update ledger_transactions set kind = 'correction' where kind = 'completed' and booking_id = :completed""",
    "providers_are_owed_for_their_own_visits": """
update ledger_postings set provider_id = (select provider_id from bookings where id = :twin)
where account = 'provider_payable' and transaction_id in (
  select id from ledger_transactions where kind = 'completed' and booking_id = :completed)""",
    "payment_status_says_what_the_money_did": """
update bookings set payment_status = 'partially_refunded' where id = :coming""",
    "nothing_is_refunded_twice": f"""
{refunded("half_back", "amount + 1")};
update bookings set payment_status = 'refunded' where id = :half_back""",
    "every_capture_is_used_or_goes_back": f"""
delete from refunds where booking_id = :late;
{moved("late", "refunds_payable", "gateway_fees", "(select total from bookings where id = :late)")}""",
    "whatever_is_undecided_is_followed": "update payment_attempts set next_poll_at = null where booking_id = :unpaid",
    "what_no_rule_settles_is_before_a_person": "update exceptions set closed_at = now() where kind = 'cash_refund'",
    "money_goes_back_in_time": """
update refunds set created_at = cast(:now as timestamptz) - interval '9 days',
  next_poll_at = cast(:now as timestamptz) - interval '2 hours' where booking_id = :late""",
    "unpaid_bookings_end_in_time": """
update bookings set pay_by = cast(:now as timestamptz) - interval '2 hours' where id = :unpaid""",
    "every_unpaid_booking_has_a_deadline": "update bookings set pay_by = null where id = :unpaid",
    "nobody_is_served_unpaid": """
alter table bookings drop constraint ck_bookings_home_chef_at_rest;
update bookings set status = 'in_progress', acceptance = 'accepted' where id = :unpaid;
update offers set state = 'accepted' where booking_id = :unpaid;
insert into booking_events (booking_id, at, actor, kind, from_status, to_status)
values (:unpaid, now(), 'system', 'moved', 'pending', 'confirmed'), (:unpaid, now(), 'system', 'moved', 'confirmed', 'in_progress')""",
    "what_is_paid_is_what_was_asked": "update payments set amount = amount + 1 where booking_id = :coming",
    "history_tells_every_change": "delete from booking_events where booking_id = :coming and kind = 'confirmed'",
    "what_follows_is_promised": """
delete from outbox where kind = 'payments.refund'
and payload ->> 'refund_id' in (select id::text from refunds where booking_id = :late)""",
    "what_was_told_is_looked_into": "update inbox set processed_at = null",
    "invoice_numbers_have_no_gaps": "update invoice_series set last = last + 1",
    "every_completed_booking_has_its_invoice": """
update invoices set booking_id = :coming where kind = 'invoice' and booking_id = :completed""",
    "credit_notes_take_back_what_was_refunded": """
update invoices set document = jsonb_set(document, '{total}', '1') where kind = 'credit_note'""",
    "visits_are_whole": "update appointments set rescheduled = 3 where booking_id = :coming",
    "no_customer_is_in_two_places": """
update bookings set customer_id = (select customer_id from bookings where id = :coming) where id = :twin""",
    "offers_match_their_bookings": "update offers set state = 'withdrawn' where booking_id = :coming",
    "offers_end_in_time": """
update offers set expires_at = cast(:now as timestamptz) - interval '2 hours' where booking_id = :awaiting""",
    "an_unassigned_appointment_is_under_review": "delete from exceptions where kind = 'no_provider'",
    "prices_are_the_tariffs": """
update appointments set details = details || jsonb_build_object('rate', (details ->> 'rate')::int + 100)
where booking_id = :twin""",
    "what_was_quoted_is_charged": "update home_chef_quotes set total = total + 1",
    "moving_gives_back_the_difference": "update refunds set reason = 'a whim' where booking_id = :moved",
    "each_side_earns_its_part": """
update ledger_postings set amount = amount + case account when 'provider_payable' then 100 else -100 end
where account in ('provider_payable', 'platform_revenue') and transaction_id in (
  select id from ledger_transactions where kind = 'completed' and booking_id = :completed)""",
    "every_refund_of_an_invoice_has_its_credit_note": refunded("completed", "100", "pending"),
    "ratings_are_those_given": "update providers set rating_sum = rating_sum + 1",
}
