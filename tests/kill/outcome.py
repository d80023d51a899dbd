"""The final state of a run in comparable form: without ids, times or order."""

from collections import Counter
from email import message_from_string
from email.policy import default as mail_policy
from typing import Any

from tests.kill.world import Visit, World

# Excludes attempts whose page no customer saw, and their creation: they leave no other trace.
FACTS = {
    "booking": "select status, payment_status, acceptance from bookings where id = :id",
    "attempts": """
        select state, capture, amount from payment_attempts
        where booking_id = :id and code is distinct from 'no_page' order by created_at""",
    "refunds": "select state, amount, reason from refunds where booking_id = :id order by created_at",
    "ledger": "select kind, count(*) from ledger_transactions where booking_id = :id group by 1 order by 1",
    "balances": """
        select account, cast(sum(amount) as bigint) from ledger_postings p
        join ledger_transactions t on t.id = p.transaction_id where booking_id = :id group by 1 order by 1""",
    "events": """
        select kind, count(*) from booking_events
        where booking_id = :id and kind <> 'payment_started' group by 1 order by 1""",
    "exceptions": "select kind, count(*) from exceptions where booking_id = :id group by 1 order by 1",
    "told": """
        select u.role, n.kind, n.mailed_at is not null from notifications n join users u on u.id = n.user_id
        where n.subject_id = :id
          or n.subject_id in (select id from refunds where booking_id = :id) order by 1, 2""",
    "unlooked": "select count(*) from inbox where processed_at is null",
}


def outcome(world: World, visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = {name: world.db.run(query, id=visit.id) for name, query in FACTS.items()}
    return found | {"gateway": _money_at_the_gateway(world, visit), "mails": _mails(world, visit)}


def _money_at_the_gateway(world: World, visit: Visit) -> list[tuple[Any, ...]]:
    """Return the payments and refunds completed at the gateway, including attempts whose page no customer saw."""
    rows = world.db.run("select merchant_txn_id from payment_attempts where booking_id = :id", id=visit.id)
    ours = {txn for [txn] in rows}
    book = world.phonepe.transactions()
    own = [one for one in book if ours & {one["merchantTransactionId"], one["originalTransactionId"]}]
    return sorted((one["kind"], one["state"], one["amount"]) for one in own if one["state"] != "PENDING")


def _mails(world: World, visit: Visit) -> dict[str, int]:
    """Return how often each mail was sent; mails with the same Message-ID count once."""
    came = [message_from_string(source, policy=mail_policy) for source in world.mail.sources()]
    once = {mail["Message-ID"]: f"{mail['To'].rstrip('0123456789@')[:4]}: {mail['Subject']}" for mail in came}
    return Counter(words.replace(visit.booking["ref"], "REF") for words in once.values())
