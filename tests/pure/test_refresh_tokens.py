"""Refresh tokens: opaque, signed and reproducible, so that none is stored."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.settings import Keys
from shared.sign_in.tokens import RefreshToken

KEYS = Keys({"new": "the-secret-that-signs-at-present", "old": "the-secret-that-signed-before-it"})
ONLY_OLD = Keys({"old": KEYS.by_id["old"]})
TOKENS = st.builds(RefreshToken, st.uuids(), st.integers(0, 2**32 - 1))
TOKEN = RefreshToken(UUID("22222222-2222-4222-8222-222222222222"), 7)


def raw(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(TOKENS)
def test_a_token_is_read_as_it_was_given(token):
    assert RefreshToken.read(token.encode(KEYS), KEYS) == token


@given(TOKENS)
def test_a_token_can_be_made_again_from_its_place_alone(token):
    """A retry within the grace period gets the same successor, although no token is stored."""
    assert RefreshToken(token.family, token.generation).encode(KEYS) == token.encode(KEYS)


def test_every_generation_and_every_family_has_a_token_of_its_own():
    family = {RefreshToken(TOKEN.family, generation).encode(KEYS) for generation in range(100)}
    other = {RefreshToken(UUID(int=number), 7).encode(KEYS) for number in range(100)}
    assert (len(family), len(other)) == (100, 100)


def test_a_token_fits_an_address_and_a_header_as_it_is():
    assert set(TOKEN.encode(KEYS)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_after_a_rotation_the_old_key_still_reads_and_the_new_one_signs():
    old = TOKEN.encode(ONLY_OLD)
    assert RefreshToken.read(old, KEYS) == TOKEN
    assert TOKEN.encode(KEYS) != old
    assert RefreshToken.read(TOKEN.encode(KEYS), ONLY_OLD) is None


def test_a_token_of_a_withdrawn_key_is_nothing():
    assert RefreshToken.read(TOKEN.encode(ONLY_OLD), Keys({"new": KEYS.by_id["new"]})) is None


def test_a_token_with_one_bit_changed_is_nothing():
    whole = raw(TOKEN.encode(KEYS))
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        assert RefreshToken.read(text(bytes(changed)), KEYS) is None


def test_a_signature_is_for_one_place_only():
    """A client cannot change a token's generation or family."""
    signature = raw(TOKEN.encode(KEYS))[20:]
    for other in (RefreshToken(TOKEN.family, 8), RefreshToken(UUID(int=1), 7)):
        assert RefreshToken.read(text(other._body() + signature), KEYS) is None


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_a_token_that_is_cut_or_prolonged_is_nothing(length):
    whole = raw(TOKEN.encode(KEYS)) + bytes(8)
    assert RefreshToken.read(text(whole[:length]), KEYS) is None


@given(st.text(max_size=120))
def test_garbage_is_nothing(garbage):
    assert RefreshToken.read(garbage, KEYS) is None


@given(st.binary(max_size=120))
def test_well_spelled_garbage_is_nothing(garbage):
    assert RefreshToken.read(text(garbage), KEYS) is None


@pytest.mark.parametrize("odd", ["é", "\ud800", "=", "====", "a", "\x00", "!" * 70])
def test_what_is_not_even_base64_is_nothing(odd):
    assert RefreshToken.read(odd, KEYS) is None
