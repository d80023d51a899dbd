"""The settings decide which PhonePe version takes new payments, and which versions' callbacks are accepted."""

from hashlib import sha256

import pytest
from werkzeug.datastructures import Headers

from functions import gateways, wiring
from shared.kit.settings import Keys, Settings
from shared.payments.gateway import GatewayUnavailable

SALTS, USERS = Keys({"1": "salt"}), Keys({"hooks": "pass1word"})
V1 = {"phonepe_api": "v1", "phonepe_salt_keys": SALTS}
V2 = {"phonepe_client_secret": "secret", "phonepe_webhook_keys": USERS}
CALLBACK = (b'{"response":"e30="}', f"{sha256(b'e30=salt').hexdigest()}###1")
WEBHOOK = (b"{}", sha256(b"hooks:pass1word").hexdigest())


@pytest.fixture
def configure(monkeypatch):
    """Return a function that sets these settings alone."""
    made = (wiring.store, *(each for each in vars(gateways).values() if hasattr(each, "cache_clear")))

    def give(**settings):
        for each in made:
            each.cache_clear()
        monkeypatch.setattr(wiring, "settings", lambda: Settings(**settings))

    yield give
    for each in made:
        each.cache_clear()


@pytest.mark.parametrize(("settings", "name"), [(V1, "phonepe"), (V2, "phonepe_v2"), (V1 | V2, "phonepe")])
def test_new_payments_begin_at_the_version_that_is_chosen(configure, settings, name):
    configure(**settings)
    assert gateways.chosen_gateway().name == name


def test_what_was_begun_at_either_is_followed_there_while_its_settings_are_given(configure):
    configure(**(V1 | V2))
    assert [gateways.gateway_named(name).name for name in ("phonepe", "phonepe_v2")] == ["phonepe", "phonepe_v2"]
    for settings, gone in ((V1, "phonepe_v2"), (V2, "phonepe"), (V1 | V2, "razorpay")):
        configure(**settings)
        with pytest.raises(GatewayUnavailable, match="no answer"):
            gateways.gateway_named(gone)


def test_a_message_is_a_versions_own_only_where_its_keys_are_given(configure):
    """Fails when a callback is accepted for a version without keys, or by the other version's signature."""
    messages = {"phonepe": CALLBACK, "phonepe_v2": WEBHOOK}
    for settings, believed in (
        (V1, {"phonepe"}),
        (V2, {"phonepe_v2"}),
        (V1 | V2, {"phonepe", "phonepe_v2"}),
        ({}, set()),
    ):
        configure(**settings)
        for name, (raw, header) in messages.items():
            sender = gateways.sender_of(raw, Headers({gateways.GATEWAYS[name].header: header}))
            assert sender == (name if name in believed else None)
        assert gateways.sender_of(WEBHOOK[0], Headers({"X-VERIFY": WEBHOOK[1]})) is None
        assert gateways.sender_of(CALLBACK[0], Headers({"Authorization": CALLBACK[1]})) is None


def test_our_id_is_read_as_the_one_who_told_it_writes():
    assert gateways.our_id("phonepe_v2", b'{"payload":{"merchantOrderId":"SZ_1"}}') == "SZ_1"
    assert gateways.our_id("phonepe", b'{"payload":{"merchantOrderId":"SZ_1"}}') == ""
