"""A history of many bookings, copied in the database from the template ones, with other people, days and ids.

What a table keeps for a while only (the outbox, the inbox, stored answers) is copied for that while.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from hashlib import md5
from uuid import UUID

from pg8000.native import Connection, literal

from shared.kit.clock import INDIA, local
from tests.bench.growth.lives import CHEFS, OVER, Lives
from tests.bench.growth.server import superuser

A_DAY = 3 * CHEFS  # each chef goes to breakfast, to lunch and to tea
TO_COME = 2 * A_DAY  # tomorrow and the day after are booked
# The tables that grow with bookings: for each the booking of a row `r`, or nothing where a column names it.
GROWING = {
    "bookings": "r.id",
    "appointments": "",
    "payments": "",
    "payment_attempts": "",
    "refunds": "",
    "offers": "",
    "booking_events": "",
    "exceptions": "",
    "ratings": "",
    "ledger_transactions": "",
    "ledger_postings": "(select t.booking_id from ledger_transactions t where t.id = r.transaction_id)",
    "invoices": "",
    "notifications": "cast(r.facts ->> 'booking_id' as uuid)",
    "reconciliation_rows": "",
    "audit_log": "r.subject_id",
    "inbox": "(select a.booking_id from payment_attempts a where a.merchant_txn_id = r.named)",
    "idempotency_keys": "(select b.id from bookings b where b.customer_id = r.user_id)",
    "outbox": "(select o.booking_id from lived.owners o where r.payload::text like '%' || o.id || '%' limit 1)",
}
# The subject of an outbox message, and its booking.
OWNERS = [f"select r.id, {GROWING[table] or 'r.booking_id'} as booking_id from {table} r" for table in (
    "notifications", "payment_attempts", "refunds", "inbox", "bookings")]  # fmt: skip
KEPT_DAYS = {"outbox": 34, "inbox": 94, "idempotency_keys": 2}
LARGEST_FIRST = ("notifications", "booking_events", "ledger_postings", "payment_attempts", "reconciliation_rows")
MADE_BY_US = "left(t.{column}, 13) || c.half"
TEXTS = {
    "bookings.ref": "'SZ-' || lpad(upper(to_hex(c.n * 2654435761 % 4294967296)), 8, '0')",
    **{f"{table}.{column}": MADE_BY_US.format(column=column) for table, column in (
        ("payment_attempts", "merchant_txn_id"), ("payment_attempts", "gateway_txn_id"),
        ("refunds", "merchant_refund_id"), ("refunds", "gateway_refund_id"),
        ("reconciliation_rows", "our_id"), ("inbox", "named"), ("inbox", "dedupe_key"), ("idempotency_keys", "key"),
    )},
    "notifications.dedupe_key": "t.kind || ':' || c.half || right(t.dedupe_key, 16)",
    "invoices.series": "'OLD'",
    "invoices.serial": "c.serial",
    "invoices.number": "'OLD/' || lpad(c.serial::text, 7, '0')",
    "booking_events.id": "c.age * 16 + t.nth",
    "outbox.payload": "(select jsonb_object_agg(key, cast(c.half || right(replace(value, '-', ''), 16) as uuid))"
    " from jsonb_each_text(t.payload))",
}  # fmt: skip
TYPES = {
    "timestamp with time zone": "t.{0} + c.shift",
    "tstzrange": "tstzrange(lower(t.{0}) + c.shift, upper(t.{0}) + c.shift)",
    "date": "t.{0} + c.days",
    "time without time zone": "t.{0} + c.slot",
}
PEOPLE = {"c": "c.customer", "p": "c.chef", "d": "c.address"}


def regular(part: str) -> UUID:
    """Return the id of the one `customer` who has many bookings, or of their `address`."""
    return UUID(md5(f"{part}0".encode(), usedforsecurity=False).hexdigest())


def lived(connection: Connection, lives: Lives) -> None:
    """Put aside what was lived, each row with the number of its life and the people in it by their part; empty the tables."""
    parts = {person.id: "c" for person in lives.customers} | {chef.id: "p" for chef in lives.chefs}
    parts |= {person.address_id: "d" for person in lives.customers if person.address_id}
    connection.run("create schema lived")
    connection.run("create table lived.people (id uuid, part text)")
    connection.run("create table lived.lives (booking_id uuid, life int)")
    for person, part in parts.items():
        connection.run("insert into lived.people values (:id, :part)", id=person, part=part)
    for life, booking in enumerate(lives.bookings):
        connection.run("insert into lived.lives values (:id, :life)", id=booking.id, life=life)
    connection.run(f"create table lived.owners as {' union all '.join(OWNERS)}")
    for table, booking_id in GROWING.items():
        columns = ", ".join(_put_aside(name, kind) for name, kind in _columns(connection, table))
        nth = "row_number() over (partition by l.life order by r.id)" if table == "booking_events" else "0"
        connection.run(
            f"create table lived.{table} as select l.life, {nth} as nth, {columns} from {table} r"
            f" join lived.lives l on l.booking_id = {booking_id or 'r.booking_id'}"
        )
    connection.run("update lived.outbox set done_at = due_at")
    connection.run("update lived.notifications set mailed_at = created_at")
    connection.run("update lived.notifications set read_at = created_at where kind <> 'completed'")
    connection.run("set session_replication_role = replica")
    _set_foreign_keys_aside(connection)
    connection.run(f"truncate {', '.join(GROWING)}, invoice_series, reconciliation_days")
    connection.run("update providers set rating_sum = 0, rating_count = 0, rating = null, total_bookings = 0")


def _set_foreign_keys_aside(connection: Connection) -> None:
    """Drop the foreign keys, so that tables can be emptied and filled in one transaction; `_finished` restores them."""
    connection.run("""create table lived.foreign_keys as
      select conname as name, conrelid::regclass::text as of, pg_get_constraintdef(oid) as said from pg_constraint
      where contype = 'f' and connamespace = 'public'::regnamespace""")
    for name, table in connection.run("select name, of from lived.foreign_keys"):
        connection.run(f"alter table {table} drop constraint {name}")


def _columns(connection: Connection, table: str) -> list[tuple[str, str]]:
    found = connection.run(
        "select column_name, case data_type when 'USER-DEFINED' then udt_name else data_type end"
        " from information_schema.columns where table_schema = 'public' and table_name = :name order by ordinal_position",
        name=table,
    )
    return [(name, kind) for name, kind in found]


def _put_aside(name: str, kind: str) -> str:
    if kind != "uuid":
        return f"r.{name}"
    known = f"select part from lived.people p where p.id = r.{name}"
    return f"coalesce(({known}), right(replace(r.{name}::text, '-', ''), 16)) as {name}"


def copy(url: str, lives: Lives, number: int, regulars: int) -> None:
    """Fill a database, itself a copy of the one that was lived in, with so many bookings, so many of them of one customer."""
    with closing(superuser(url)) as connection:
        connection.run(_plan(lives, number, regulars))
        connection.run("analyze lived.copies")
    first = [*LARGEST_FIRST, *(table for table in GROWING if table not in LARGEST_FIRST)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(_fill, url), ["people", *first]))
    with closing(superuser(url)) as connection:
        for statement in _finished(number):
            connection.run(statement)


def _plan(lives: Lives, number: int, regulars: int) -> str:
    """Return the statement that assigns each copy, oldest first, its people and its day."""
    today = local(datetime.now(lives.make.now.tzinfo), INDIA).date()
    began = local(lives.make.now, INDIA).date()
    chefs = ", ".join(literal(str(chef.id)) for chef in lives.chefs)
    over = len(OVER)
    return f"""
create table lived.copies as
select n, {number} - 1 - n as age, half::text, life, days, slot, make_interval(days => days) + slot as shift,
  {(number - TO_COME) // over * (over - 2)} - (n - {TO_COME}) / {over} * {over - 2} - life as serial,
  md5('customer' || who)::uuid as customer, md5('address' || who)::uuid as address,
  (cast(array[{chefs}] as uuid[]))[1 + n % {CHEFS}] as chef
from generate_series({number} - 1, 0, -1) as series(number)
cross join lateral (select number::bigint as n) given
cross join lateral (select left(md5('half' || n), 16) as half,
  case when n < {TO_COME} then {over} else (n - {TO_COME} + (n - {TO_COME}) / 100) % {over} end as life,
  date {literal(str(today))} - date {literal(str(began))} - 3
    + (case when n < {TO_COME} then 2 else 1 end - n / {A_DAY})::int as days,
  (array[interval '-3 hours', interval '0', interval '210 minutes'])[1 + n / {CHEFS} % 3] as slot,
  case when n >= {TO_COME} and n % {max(1, number // regulars)} = 0 then 0
    else 1 + n / 3000 * {A_DAY} + n % {A_DAY} end as who) made
"""


def _fill(url: str, table: str) -> None:
    """Copy a table without indexes and build them at the end, in one transaction."""
    with closing(superuser(url)) as connection:
        connection.run("set session_replication_role = replica")
        if table == "people":
            for statement in _people():
                connection.run(statement)
            return
        connection.run("begin")
        connection.run(f"truncate {table}")
        connection.run(
            f"update pg_index set indisready = false, indisvalid = false where indrelid = '{table}'::regclass"
        )
        connection.run(_copied(connection, table))
        connection.run(f"reindex table {table}")
        connection.run("commit")
        connection.run(f"vacuum analyze {table}")


def _copied(connection: Connection, table: str) -> str:
    columns = dict(_columns(connection, table))
    values = [TEXTS.get(f"{table}.{name}") or _value(connection, table, name, kind) for name, kind in columns.items()]
    kept = f" where c.n < {KEPT_DAYS[table] * A_DAY}" if table in KEPT_DAYS else ""
    return (
        f"insert into {table} ({', '.join(columns)}) select {', '.join(values)}"
        f" from lived.copies c join lived.{table} t on t.life = c.life{kept}"
    )


def _value(connection: Connection, table: str, name: str, kind: str) -> str:
    if kind != "uuid":
        return TYPES.get(kind, "t.{0}").format(f'"{name}"')
    parts = connection.run(f"select distinct case when length({name}) < 16 then {name} else '' end from lived.{table}")
    known = {part for [part] in parts if part is not None}
    derived = f"cast(c.half || t.{name} as uuid)"
    if len(known) == 1:
        return PEOPLE.get(known.pop(), derived)
    cases = " ".join(f"when {literal(part)} then {PEOPLE[part]}" for part in known if part)
    return f"case t.{name} {cases} else {derived} end"


def _people() -> Iterator[str]:
    who = "(select customer, address, min(age) as age, min(shift) as shift from lived.copies group by 1, 2)"
    yield f"""insert into users (id, email, name, role, created_at)
      select customer, 'c' || left(customer::text, 18) || '@growth.example', 'Meera', 'customer', now() + min(shift) from {who} w group by 1"""
    yield f"""insert into addresses (id, user_id, full_address, city, pincode, latitude, longitude, is_default)
      select address, customer, '12 Hill Road', 'Mumbai', '400050', 19.0596, 72.8295, true from {who} w"""
    yield f"""insert into sessions (id, user_id, rotated_at, expires_at, created_at)
      select address, customer, now(), now() + interval '20 days', now() from lived.copies where n < {120 * A_DAY}
      group by 1, 2"""
    for table in ("users", "addresses", "sessions"):
        yield f"vacuum analyze {table}"


def _finished(number: int) -> Iterator[str]:
    """Recompute the counters from the copied rows, and drop the template rows."""
    yield "insert into invoice_series select series, max(serial) from invoices group by series"
    yield f"select setval(pg_get_serial_sequence('booking_events', 'id'), {number * 16})"
    yield "insert into reconciliation_days select day, now() from reconciliation_rows group by day"
    yield """update providers p set rating_sum = r.stars, rating_count = r.number, rating = r.stars::numeric / r.number
      from (select provider_id, sum(stars) as stars, count(*) as number from ratings group by 1) r
      where r.provider_id = p.user_id"""
    yield """update providers p set total_bookings = b.number from (select provider_id, count(*) as number
      from bookings where status = 'completed' group by 1) b where b.provider_id = p.user_id"""
    yield """do $$ declare key record; begin for key in select * from lived.foreign_keys loop
      execute format('alter table %s add constraint %I %s not valid', key.of, key.name, key.said); end loop; end $$"""
    yield "update pg_constraint set convalidated = true where contype = 'f'"  # they hold: copies of what holds
    yield "drop schema lived cascade"
    yield "analyze providers, invoice_series, reconciliation_days"
