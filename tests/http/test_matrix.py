"""Every operation of the API's document refuses all callers it is not for; an endpoint without a rule fails here."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from shared.lines.home_chef.visit import CHEF
from shared.users.models import ADMIN, CUSTOMER
from tests.http.bad_input import Operation, spelled
from tests.http.forged_tokens import Forge, forged, of_nobody
from tests.http.guests import EVERY, UNKNOWN_ID, Complaints, Guests, each, new_client, wrong
from tests.http.others import EVERYBODYS, Others
from tests.system import Client, System

ROLES = (CUSTOMER, CHEF, ADMIN)
FOR_EVERYBODY = {
    "POST /auth/send-otp",
    "POST /auth/verify-otp",
    "POST /auth/refresh",
    "POST /auth/logout",  # whoever has the refresh token may end its session
    "POST /payments/callback",  # signed over its bytes
    "POST /payments/callback/phonepe",
    "GET /openapi.json",
}
FOR_A_ROLE = [one for one in EVERY if one.role]
NAMING = [one for one in FOR_A_ROLE if one.named("path")]
BODY_NAMING = [
    one for one in FOR_A_ROLE if one.role != ADMIN and {"address_id", "booking_id", "quote_id"} & one.fields.keys()
]
# One of each way a token can be wrong; tests/http/test_tokens.py tries all of them at one operation of each function.
FORGED = (
    "expired",
    "audience 'other'",
    "issuer 'other'",
    "typ 'refresh'",
    "algorithm 'none', unsigned",
    "RS256 by a key of one's own",
    "claims of another token",
    "signature of another token",
    "an admin by its own word",
    "key guessed",
    "a session of somebody else",
    "somebody else in this session",
)


def test_every_operation_is_for_a_role_or_one_of_the_few_for_everybody():
    assert {str(one) for one in EVERY if one.role not in ROLES} == FOR_EVERYBODY


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@each(FOR_A_ROLE)
def test_a_user_of_the_role_is_let_in(guests: Guests, operation: Operation):
    """Without it, an operation that refuses everybody would pass the others."""
    answer = guests.send(operation, b"{" if operation.fields else None)
    assert answer.status_code not in {401, 403}, answer.text


@each(FOR_A_ROLE)
def test_every_operation_for_a_role_refuses_a_missing_token(guests: Guests, operation: Operation):
    """Fails when a handler or the body comes first: it would tell a stranger what is there."""
    token = guests.people[str(operation.role)].tokens["access_token"]
    complaints = Complaints()
    for name, headers, query in (
        ("nothing", {"Authorization": ""}, ()),
        ("garbage", bearer("x"), ()),
        ("garbage of three parts", bearer("a.b.c"), ()),
        ("a word and no token", {"Authorization": "Bearer"}, ()),
        ("another scheme", {"Authorization": f"Basic {token}"}, ()),
        ("no scheme", {"Authorization": token}, ()),
        ("two tokens", bearer(f"{token}, Bearer {token}"), ()),
        ("in the address", {"Authorization": ""}, (("access_token", token), ("token", token))),
        ("in a cookie", {"Authorization": "", "Cookie": f"access_token={token}; Authorization=Bearer {token}"}, ()),
        ("in other headers", {"Authorization": "", "X_Authorization": f"Bearer {token}", "X_Access_Token": token}, ()),
    ):
        for body in (None, b"{"):
            answer = guests.send(operation, body, guests.where(operation, *query), **headers)
            complaints.about(name, wrong(answer, 401, "invalid_token"))
    assert complaints == []


@pytest.fixture(scope="module")
def no_good(system: System, people: dict[str, Client]) -> dict[str, dict[str, str]]:
    """For each role, tokens that were good once or look as if they were, with the name of what is wrong."""
    key, stranger = generate_private_key(public_exponent=65537, key_size=2048), system.sign_in()
    found = {}
    for role in ROLES:
        forge = Forge.of(people[role])
        known = dict(forged(forge, stranger, key)) | dict(of_nobody(forge, stranger))
        gone = {"of a session that ended": ENDED, "of somebody deactivated": DEACTIVATED}
        found[role] = {name: known[name] for name in FORGED}
        found[role] |= {"a refresh token": people[role].tokens["refresh_token"]}
        found[role] |= {name: once_of(system, role, change) for name, change in gone.items()}
    return found


ENDED = "update sessions set ended_at = now() where user_id = (select id from users where email = :email)"
DEACTIVATED = "update users set is_active = false where email = :email"


def once_of(system: System, role: str, change: str) -> str:
    """Return the token of a user with this role, after this SQL change to them."""
    gone = new_client(system, role)
    system.sql(change, email=gone.email)
    return str(gone.tokens["access_token"])


@each(FOR_A_ROLE)
def test_a_token_that_is_no_good_any_more_or_never_was_opens_nothing(
    guests: Guests, no_good: dict[str, dict[str, str]], operation: Operation
):
    """The same people are let in above, so that what is wrong with the token is the reason."""
    complaints, shown = Complaints(), spelled(guests.body(operation)) if operation.fields else None
    for name, token in no_good[str(operation.role)].items():
        answer = guests.send(operation, shown, **bearer(token))
        complaints.about(name, wrong(answer, 401, "invalid_token"))
    assert complaints == []


@each(FOR_A_ROLE)
def test_another_role_is_forbidden_before_the_body_is_read(guests: Guests, operation: Operation):
    """Also when the token says the role the operation is for: what counts is what the database says."""
    complaints, shown = Complaints(), spelled(guests.body(operation)) if operation.fields else None
    for role in set(ROLES) - {operation.role}:
        person = guests.people[role]
        liar = Forge.of(person).with_claims(role=operation.role)
        for name, token, body in (("by nature", person.tokens["access_token"], b"{"), ("lying", liar, shown)):
            answer = guests.send(operation, body, **bearer(token))
            complaints.about(f"{role} {name}", wrong(answer, 403, "forbidden"))
    assert complaints == []


def responses_to(send: Callable[[str], requests.Response], *ids: str) -> list[tuple[int, str, bytes]]:
    answers = [send(one) for one in ids]
    return [(answer.status_code, answer.headers["Content-Type"], answer.content) for answer in answers]


@each(NAMING)
def test_another_users_resource_answers_like_a_missing_one(guests: Guests, others: Others, operation: Operation):
    """Seen to fail with the owner taken out of `own_address`. Nothing is hidden from an admin but what is not there."""
    body, role = spelled(guests.body(operation)) if operation.fields else None, str(operation.role)
    for name in operation.named("path"):

        def send(one: str, name: str = name) -> Any:
            return guests.send(operation, body, guests.where(operation, **{name: one}))

        hidden = role != ADMIN and (role, name) not in EVERYBODYS
        nothing, *theirs = responses_to(send, UNKNOWN_ID, *([others.id_of(role, name)] if hidden else []))
        assert nothing[:2] == (404, "application/problem+json"), nothing
        assert theirs in ([], [nothing])


@each(BODY_NAMING)
def test_another_users_id_in_a_body_counts_as_unknown(guests: Guests, others: Others, operation: Operation):
    for name in {"address_id", "booking_id", "quote_id"} & operation.fields.keys():
        rest = {} if name == "quote_id" else guests.body(operation)

        def send(one: str, name: str = name, rest: dict[str, str] = rest) -> Any:
            return guests.send(operation, spelled(rest | {name: f'"{one}"'}))

        nothing, theirs = responses_to(send, UNKNOWN_ID, others.id_of(str(operation.role), name))
        assert nothing[:2] == (422 if name == "address_id" else 404, "application/problem+json"), nothing
        assert theirs == nothing
