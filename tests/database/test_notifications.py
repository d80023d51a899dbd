"""A person is notified of each fact once, mailed once, and finds it in the app."""

from datetime import timedelta

import pytest

from functions.wiring import line
from shared.kit.ids import new_id
from shared.kit.paging import PageQuery
from shared.lines.home_chef.letters import LETTERS
from shared.notifications import queries
from shared.notifications.notice import Notice, Reader
from shared.notifications.queries import NotificationNotFound
from tests.make import run_concurrently
from tests.round_trips import counted

FACTS = {"ref": "SZ-1", "total": 236156}
MORE = {
    "amount": 100,
    "pay_by": "2026-11-20T05:30:00+00:00",
    "from_day": "2026-11-22",
    "from_time": "12:30",
    "why": "chef",
}


@pytest.fixture
def meera(make):
    return make.customer()


@pytest.fixture
def notify(db, meera, now):
    def notify(kind="confirmed", subject=None, person=None, facts=FACTS):
        with db.transaction() as session:
            queries.notify(session, (person or meera).id, "home_chef", kind, subject or meera.id, facts, now)

    return notify


def mail_messages(make):
    return make.rows("select payload->>'notification_id' from outbox where kind = 'notifications.mail'")


def test_notification_enqueues_one_mail(notify, make, meera):
    notify()
    [(notification_id, user_id, kind, facts, mailed_at)] = make.rows(
        "select id, user_id, kind, facts, mailed_at from notifications"
    )
    assert (user_id, kind, facts, mailed_at) == (meera.id, "confirmed", FACTS, None)
    assert mail_messages(make) == [(str(notification_id),)]


def test_repeated_notification_is_stored_and_mailed_once(notify, make):
    notify()
    notify(facts={"ref": "another"})
    assert make.rows("select facts from notifications") == [(FACTS,)]
    assert len(mail_messages(make)) == 1


def test_concurrent_notifications_are_mailed_once(notify, make):
    run_concurrently(6, notify)
    assert make.rows("select count(*) from notifications") == [(1,)]
    assert len(mail_messages(make)) == 1


def test_other_kind_subject_or_person_is_notified_too(notify, make):
    notify()
    notify(kind="completed")
    notify(subject=new_id())
    notify(person=make.customer())
    assert len(mail_messages(make)) == 4


def test_rolled_back_notification_is_gone(db, make, meera, now):
    def crash():
        with db.transaction() as session:
            queries.notify(session, meera.id, "home_chef", "confirmed", meera.id, FACTS, now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert (make.rows("select 1 from notifications"), mail_messages(make)) == ([], [])


def test_mail_has_recipient_and_is_marked_sent_once(notify, make, db, now):
    notify()
    [(notification_id,)] = make.rows("select id from notifications")
    with db.reading() as session:
        mail = queries.with_recipient(session, notification_id)
    assert (mail.line, mail.kind, mail.facts, mail.name) == ("home_chef", "confirmed", FACTS, "Meera")
    assert mail.email.startswith("customer")
    assert mail.mailed_at is None
    for after in (timedelta(0), timedelta(hours=1)):
        with db.transaction() as session:
            queries.mark_mailed(session, notification_id, now + after)
    with db.reading() as session:
        assert queries.with_recipient(session, notification_id).mailed_at == now


def test_every_visit_notification_has_a_template(make, gateway, phonepe):
    """A notification without a mail template would be retried for ever."""
    make.paid(gateway, phonepe)
    home_chef = line("home_chef")
    rows = make.rows("select kind, subject_id, facts from notifications")
    assert {kind for kind, *_ in rows} == {"booked", "confirmed", "visit_to_answer"}
    for kind, subject, facts in rows:
        letter = home_chef.letter(Notice(kind, subject, facts), Reader("Meera"))
        assert facts["ref"] in letter.text(home_chef.brand)
        assert letter.subject
    _, subject, facts = rows[0]
    for kind in LETTERS:
        assert home_chef.letter(Notice(kind, subject, {**facts, **MORE}), Reader()).text(home_chef.brand)


def listed(db, meera, unread=False, **page):
    with db.reading() as session:
        rows, cursor = queries.list_for(session, meera.id, PageQuery(**page), unread=unread)
        return rows, cursor, queries.unread_count(session, meera.id)


def read(db, person, notification_id, at):
    with db.transaction() as session:
        return queries.mark_read(session, person.id, notification_id, at)


def test_notification_kind_may_recur_for_subject(db, make, meera, now):
    for once in (None, "first", "first", "second"):
        with db.transaction() as session:
            queries.notify(session, meera.id, "home_chef", "rescheduled", meera.id, FACTS, now, once=once)
    assert len(mail_messages(make)) == 3


def test_own_notifications_are_paged_newest_first(db, make, meera, notify, now):
    notify(person=make.customer())
    for hour in range(5):
        with db.transaction() as session:
            at = now + timedelta(hours=hour // 2)  # two of the same instant
            queries.notify(session, meera.id, "home_chef", "confirmed", new_id(), {"nth": hour}, at)
    first, cursor, unread = listed(db, meera, limit=3)
    rest, end, _ = listed(db, meera, limit=3, cursor=cursor)
    seen = [row.facts["nth"] for row in (*first, *rest)]
    assert (sorted(seen), seen[0], end, unread) == ([0, 1, 2, 3, 4], 4, None, 5)
    assert sorted(seen[1:3]) == [2, 3]


def test_read_state_is_final_with_first_time(db, meera, notify, now):
    notify()
    notify(kind="completed")
    rows, _, _ = listed(db, meera)
    for at in (now, now + timedelta(hours=1)):
        assert read(db, meera, rows[0].id, at).read_at == now
    left, _, unread = listed(db, meera, unread=True)
    assert ([row.id for row in left], unread) == ([rows[1].id], 1)
    assert len(listed(db, meera)[0]) == 2


def test_foreign_notification_is_not_found(db, make, meera, notify, now):
    notify()
    [(notification_id,)] = make.rows("select id from notifications")
    for person, wanted in ((make.customer(), notification_id), (meera, new_id())):
        with pytest.raises(NotificationNotFound):
            read(db, person, wanted, now)
    assert make.rows("select read_at from notifications") == [(None,)]


def test_unread_count_stops_at_hundred_and_uses_index(db, make, meera, now):
    make.run(
        """insert into notifications (id, user_id, line, kind, subject_id, dedupe_key, facts, created_at, read_at)
        select gen_random_uuid(), :user, 'home_chef', 'confirmed', :user, n, '{}', cast(:now as timestamptz) - n * interval '1 min',
          case when n < 5000 then cast(:now as timestamptz) end from generate_series(1, 5150) n""",
        user=meera.id,
        now=now,
    )
    make.run("analyze notifications")
    rows, _, unread = listed(db, meera, unread=True, limit=1)
    assert (unread, rows[0].dedupe_key) == (100, "5000")
    condition = "user_id = :user and read_at is null order by created_at desc, id desc limit 21"
    plan = make.rows(f"explain select * from notifications where {condition}", user=meera.id)
    assert "ix_notifications_unread" in str(plan)


@pytest.mark.parametrize("count", [1, 8])
def test_list_with_count_costs_two_statements(db, meera, notify, count):
    for _ in range(count):
        notify(subject=new_id())
    with counted() as seen:
        assert len(listed(db, meera)[0]) == count
    assert len(seen.statements) == 2  # and the authentication query
