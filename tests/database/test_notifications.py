"""A person is told of one thing once, and mailed once."""

from datetime import timedelta

import pytest

from functions.wiring import line
from shared.kit.ids import new_id
from shared.lines.home_chef.messages import LETTERS
from shared.notifications import queries
from tests.make import together

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
def tell(db, meera, now):
    def tell(kind="confirmed", subject=None, person=None, facts=FACTS):
        with db.transaction() as session:
            queries.tell(session, (person or meera).id, "home_chef", kind, subject or meera.id, facts, now)

    return tell


def promised(make):
    return make.rows("select payload->>'notification_id' from outbox where kind = 'notifications.mail'")


def test_telling_somebody_promises_one_mail_of_it(tell, make, meera):
    tell()
    [(notification_id, user_id, kind, facts, mailed_at)] = make.rows(
        "select id, user_id, kind, facts, mailed_at from notifications"
    )
    assert (user_id, kind, facts, mailed_at) == (meera.id, "confirmed", FACTS, None)
    assert promised(make) == [(str(notification_id),)]


def test_the_same_thing_told_again_changes_nothing_and_is_mailed_once(tell, make):
    tell()
    tell(facts={"ref": "another"})
    assert make.rows("select facts from notifications") == [(FACTS,)]
    assert len(promised(make)) == 1


def test_the_same_thing_told_by_many_at_once_is_mailed_once(tell, make):
    together(6, tell)
    assert make.rows("select count(*) from notifications") == [(1,)]
    assert len(promised(make)) == 1


def test_another_thing_another_subject_and_another_person_are_told_too(tell, make):
    tell()
    tell(kind="completed")
    tell(subject=new_id())
    tell(person=make.customer())
    assert len(promised(make)) == 4


def test_what_is_undone_was_never_told(db, make, meera, now):
    def crash():
        with db.transaction() as session:
            queries.tell(session, meera.id, "home_chef", "confirmed", meera.id, FACTS, now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert (make.rows("select 1 from notifications"), promised(make)) == ([], [])


def test_a_mail_knows_where_it_goes_and_is_marked_once(tell, make, db, now):
    tell()
    [(notification_id,)] = make.rows("select id from notifications")
    with db.reading() as session:
        told = queries.addressed(session, notification_id)
    assert (told.line, told.kind, told.facts, told.name) == ("home_chef", "confirmed", FACTS, "Meera")
    assert told.email.startswith("customer")
    assert told.mailed_at is None
    for after in (timedelta(0), timedelta(hours=1)):
        with db.transaction() as session:
            queries.mailed(session, notification_id, now + after)
    with db.reading() as session:
        assert queries.addressed(session, notification_id).mailed_at == now


def test_everything_a_visit_tells_has_its_words(make, gateway, phonepe):
    """A notification of which no letter could be made would be brought again for ever."""
    make.paid(gateway, phonepe)
    rows = make.rows("select kind, facts from notifications")
    assert len(rows) == 2
    for kind, facts in rows:
        letter = line("home_chef").letter(kind, facts, "Meera")
        assert facts["ref"] in letter.text()
        assert letter.subject
    for kind in LETTERS:
        assert line("home_chef").letter(kind, {**rows[0][1], **MORE}, None).text()
