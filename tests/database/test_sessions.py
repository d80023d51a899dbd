"""Sessions begin, rotate, detect copied tokens, and end at once."""

from datetime import timedelta

import pytest

from shared.kit.errors import Unauthorized
from shared.kit.ids import new_id
from shared.kit.settings import Keys
from shared.sign_in import sessions
from shared.sign_in.sessions import Lifetimes
from shared.sign_in.tokens import Claims, InvalidToken, RefreshToken
from tests.make import run_concurrently

LIFETIMES = Lifetimes(timedelta(days=30), timedelta(hours=12), timedelta(seconds=10))
EMAIL = "meera@test.example"
MICROSECOND = timedelta(microseconds=1)
GRACE = timedelta(seconds=10)


@pytest.fixture
def begin(db, now):
    def begin(email=EMAIL, after=timedelta(0)):
        with db.transaction() as session:
            return sessions.begin(session, email, LIFETIMES, now + after)

    return begin


@pytest.fixture
def rotate(db, now):
    """Present the token of a generation; returns its successor's generation, or None."""

    def rotate(signed_in, generation, after=timedelta(0)):
        token = RefreshToken(signed_in.session_id, generation)
        with db.transaction() as session:
            rotated = sessions.rotate(session, token, LIFETIMES, now + after)
        return rotated and rotated.generation

    return rotate


@pytest.fixture
def caller(db, now):
    def caller(signed_in, after=timedelta(0), user_id=None, role="customer", *, lock=False):
        claims = Claims(user_id or signed_in.user_id, signed_in.session_id, role)
        with db.transaction() as session:
            return sessions.caller(session, claims, now + after, lock=lock)

    return caller


def test_new_identifier_becomes_customer(begin, make, caller):
    signed_in = begin()
    assert (signed_in.role, signed_in.is_new_user, signed_in.generation) == ("customer", True, 0)
    assert make.rows("select email, role, is_active from users") == [(EMAIL, "customer", True)]
    assert caller(signed_in).email == EMAIL


def test_known_user_keeps_identity_and_device_sessions(begin, make):
    chef = make.chef()
    [(email,)] = make.rows("select email from users where id = :id", id=chef.id)
    first, second = begin(email), begin(email)
    assert (first.user_id, first.role, first.is_new_user) == (chef.id, "chef", False)
    assert first.session_id != second.session_id
    assert make.rows("select count(*) from users") == [(1,)]


def test_concurrent_first_sign_ins_make_one_user(begin, make):
    outcomes = run_concurrently(5, begin)
    assert len({outcome.user_id for outcome in outcomes}) == 1
    assert [outcome.is_new_user for outcome in outcomes].count(True) == 1
    assert make.rows("select (select count(*) from users), (select count(*) from sessions)") == [(1, 5)]


def test_deactivated_user_gets_no_session(begin, make):
    begin()
    make.run("update users set is_active = false")
    assert begin() is None
    assert make.rows("select count(*) from sessions") == [(1,)]


def test_session_lasts_thirty_days_admins_twelve_hours(begin, make, caller, now):
    customer = begin()
    assert caller(customer, timedelta(days=30) - MICROSECOND)
    with pytest.raises(InvalidToken):
        caller(customer, timedelta(days=30))
    make.run("update users set role = 'admin'")
    admin = begin()
    assert caller(admin, timedelta(hours=12) - MICROSECOND).role == "admin"
    with pytest.raises(InvalidToken):
        caller(admin, timedelta(hours=12))
    assert make.rows("select expires_at from sessions where id = :id", id=admin.session_id) == [
        (now + timedelta(hours=12),)
    ]


@pytest.mark.parametrize("lock", [True, False])
def test_deactivation_role_change_and_end_apply_at_once(begin, make, caller, db, now, lock):
    signed_in = begin()
    make.run("update users set role = 'chef', name = 'Meera'")
    found = caller(signed_in, lock=lock)
    assert (found.role, found.name) == ("chef", "Meera")
    make.run("update users set is_active = false")
    with pytest.raises(InvalidToken):
        caller(signed_in, lock=lock)
    make.run("update users set is_active = true")
    assert caller(signed_in, lock=lock)
    with db.transaction() as session:
        sessions.end(session, signed_in.session_id, "logout", now)
    with pytest.raises(InvalidToken):
        caller(signed_in, lock=lock)


def test_session_belongs_to_its_user(begin, caller):
    mine, theirs = begin(), begin("other@test.example")
    with pytest.raises(Unauthorized):
        caller(mine, user_id=theirs.user_id)
    with pytest.raises(Unauthorized):
        caller(mine, user_id=new_id())


def test_refresh_token_rotates_on_each_use(begin, rotate):
    signed_in = begin()
    for generation in range(5):
        assert rotate(signed_in, generation, timedelta(days=generation)) == generation + 1


def test_previous_token_gets_same_successor_for_ten_seconds(begin, rotate, caller):
    signed_in = begin()
    assert rotate(signed_in, 0, timedelta(days=1)) == 1
    assert rotate(signed_in, 0, timedelta(days=1) + GRACE - MICROSECOND) == 1
    assert rotate(signed_in, 1, timedelta(days=1) + GRACE) == 2
    assert caller(signed_in)


def test_previous_token_after_grace_ends_family(begin, rotate, caller, make):
    signed_in = begin()
    rotate(signed_in, 0)
    assert rotate(signed_in, 0, GRACE) is None
    assert rotate(signed_in, 1, GRACE) is None
    with pytest.raises(InvalidToken):
        caller(signed_in)
    assert make.rows("select end_reason from sessions") == [("replayed",)]


def test_older_token_ends_family_including_fresh_token(begin, rotate, caller):
    signed_in, other = begin(), begin()
    assert rotate(signed_in, 0) == 1
    assert rotate(signed_in, 1) == 2
    assert rotate(signed_in, 0) is None  # two generations before the current one: no grace, however fresh
    assert rotate(signed_in, 2) is None
    with pytest.raises(InvalidToken):
        caller(signed_in)
    assert caller(other)
    assert rotate(other, 0) == 1


def test_unissued_generation_ends_family(begin, rotate):
    signed_in = begin()
    assert rotate(signed_in, 7) is None
    assert rotate(signed_in, 0) is None


def test_expired_session_is_not_rotated(begin, rotate, now, make):
    signed_in = begin()
    assert rotate(signed_in, 0, timedelta(days=30) - MICROSECOND) == 1
    assert make.rows("select expires_at from sessions") == [(now + timedelta(days=30),)]
    assert rotate(signed_in, 1, timedelta(days=30)) is None


def test_deactivated_users_token_is_not_rotated(begin, rotate, make):
    signed_in = begin()
    make.run("update users set is_active = false")
    assert rotate(signed_in, 0) is None


def test_sign_out_invalidates_every_token(begin, rotate, caller, db, now, make):
    signed_in, other = begin(), begin()
    for reason in ("logout", "again"):
        with db.transaction() as session:
            sessions.end(session, signed_in.session_id, reason, now)
    assert rotate(signed_in, 0) is None
    assert caller(other)
    assert make.rows("select end_reason from sessions where ended_at is not null") == [("logout",)]


def test_ending_all_sessions_affects_only_that_user(begin, caller, db, now):
    mine, also_mine, theirs = begin(), begin(), begin("other@test.example")
    with db.transaction() as session:
        sessions.end_all(session, mine.user_id, "blocked", now)
    for ended in (mine, also_mine):
        with pytest.raises(InvalidToken):
            caller(ended)
    assert caller(theirs)


def test_concurrent_rotations_have_one_successor(begin, rotate, caller):
    """Two tabs of one app: neither is a thief."""
    signed_in = begin()
    assert set(run_concurrently(8, lambda: rotate(signed_in, 0))) == {1}
    assert rotate(signed_in, 1) == 2
    assert caller(signed_in)


def test_token_identifies_device_for_its_whole_lifetime(begin, db, now):
    signed_in = begin()
    token = RefreshToken(signed_in.session_id, 0)
    with db.transaction() as session:
        sessions.end(session, signed_in.session_id, "logout", now)
    with db.reading() as session:
        assert sessions.was_issued_to(session, token, EMAIL)
        assert not sessions.was_issued_to(session, token, "other@test.example")
        assert not sessions.was_issued_to(session, RefreshToken(new_id(), 0), EMAIL)


def test_tokens_are_not_stored_in_plain_text(begin, make):
    keys = Keys({"1": "a-secret"})
    signed_in = begin()
    token = RefreshToken(signed_in.session_id, 0).encode(keys)
    [(stored,)] = make.rows("select row_to_json(s)::text from sessions s")
    assert token not in stored
    assert RefreshToken.read(token, keys) == RefreshToken(signed_in.session_id, 0)
    assert RefreshToken.read(token, Keys({"1": "another"})) is None
