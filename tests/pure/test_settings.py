"""Settings are typed, invalid ones are named at start, and no secret is shown."""

import re
from pathlib import Path

import pytest

from shared.kit.settings import SANDBOX_MERCHANTS, SANDBOX_SALTS, Keys, Settings, SettingsError

LONG = "hunter2-" * 4
SECRETS = {
    "DATABASE_URL": "postgresql://booking:hunter2@db:5432/booking",
    "UPSTASH_REDIS_REST_TOKEN": "hunter2-redis",
    "JWT_KEYS": f"1:{LONG}-jwt,0:{LONG}-old",
    "REFRESH_KEYS": f"1:{LONG}-refresh",
    "OTP_KEYS": f"1:{LONG}-otp",
    "RESEND_API_KEY": "hunter2-resend",
    "SMTP_URL": "smtp://mail:hunter2@mail:587",
    "PHONEPE_SALT_KEYS": "1:hunter2-salt",
    "PHONEPE_CLIENT_SECRET": "hunter2-client",
    "PHONEPE_WEBHOOK_KEYS": "hooks:hunter2-word",
}


def refused(**environ):
    with pytest.raises(SettingsError) as refusal:
        Settings.read(environ)
    return str(refusal.value)


def test_an_empty_environment_has_the_documented_defaults():
    settings = Settings.read({})
    assert settings == Settings()
    assert settings.is_production
    assert not settings.is_local
    assert (settings.access_token_seconds, settings.refresh_token_seconds) == (7 * 86_400, 30 * 86_400)
    assert (settings.otp_seconds, settings.refresh_grace_seconds, settings.admin_session_seconds) == (300, 10, 43_200)
    assert (settings.quote_seconds, settings.unpaid_seconds) == (1_800, 1_800)
    assert (settings.attempt_extension_seconds, settings.attempt_reuse_seconds) == (1_500, 900)
    assert (settings.unpaid_bookings_per_customer, settings.trusted_proxies) == (3, 1)


def test_a_value_is_read_as_its_type_and_an_empty_one_counts_as_absent():
    settings = Settings.read(
        {
            "OTP_SECONDS": " 60 ",
            "CORS_ORIGINS": "https://a.example/, https://b.example",
            "JWT_KEYS": "",
            "PUBLIC_URL": " ",
        }
    )
    assert settings.otp_seconds == 60
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.jwt_keys is None
    assert settings.public_url is None


def test_what_is_nobodys_setting_is_left_alone():
    assert Settings.read({"PATH": "/bin", "otp_seconds": "1"}) == Settings()


def test_everything_unreadable_is_named_at_once_and_its_value_is_not():
    message = refused(OTP_SECONDS="hunter2", JWT_KEYS="hunter2", DATABASE_POOL="8.5", LOG_LEVEL="INFO")
    assert message == "cannot be read: DATABASE_POOL, JWT_KEYS, OTP_SECONDS"


@pytest.mark.parametrize("keys", ["secret", "id:", ":secret", "1:a,", "1:a,b", " , "])
def test_keys_are_written_with_their_ids(keys):
    if keys == "1:a,":
        assert Keys.parse(keys).current == ("1", "a")
    else:
        assert refused(JWT_KEYS=keys) == "cannot be read: JWT_KEYS"


def test_a_key_id_given_twice_is_refused_and_not_one_of_the_two_forgotten():
    assert refused(JWT_KEYS="1:new,1:old") == "cannot be read: JWT_KEYS"


def test_the_first_key_signs_and_a_secret_may_hold_colons():
    keys = Keys.parse("b:x:y:z, a:old")
    assert keys.current == ("b", "x:y:z")
    assert list(keys.by_id.items()) == [("b", "x:y:z"), ("a", "old")]


def test_what_is_missing_is_named():
    settings = Settings.read({"JWT_KEYS": f"1:{LONG}"})
    settings.require()
    settings.require("jwt_keys", "mail_from")
    with pytest.raises(SettingsError, match=r"^missing: DATABASE_URL, OTP_KEYS$"):
        settings.require("otp_keys", "jwt_keys", "database_url")


def test_no_secret_is_in_what_is_printed_of_the_settings_or_of_keys():
    settings = Settings.read(SECRETS)
    assert all(getattr(settings, name.lower()) is not None for name in SECRETS)
    for shown in (repr(settings), str(settings), repr(settings.jwt_keys), f"{settings.phonepe_salt_keys}"):
        assert "hunter2" not in shown


def test_no_secret_is_in_a_refusal():
    for name in SECRETS:
        assert "hunter2" not in refused(**(SECRETS | {name: "hunter2", "DATABASE_POOL": "hunter2"}))


@pytest.mark.parametrize("name", ["JWT_KEYS", "REFRESH_KEYS", "OTP_KEYS"])
def test_a_short_key_is_refused_in_production_also_behind_a_long_one(name):
    for keys in (f"1:{LONG[:31]}", f"1:{LONG},0:{LONG[:31]}"):
        message = refused(**{name: keys})
        assert name in message
        assert "hunter2" not in message
        assert Settings.read({"ENVIRONMENT": "local", name: keys})
    assert Settings.read({name: f"1:{LONG[:32]}"})


@pytest.mark.parametrize("merchant", sorted(SANDBOX_MERCHANTS))
def test_a_published_merchant_is_refused_in_production(merchant):
    assert "PHONEPE_MERCHANT_ID" in refused(PHONEPE_MERCHANT_ID=merchant)
    assert "PHONEPE_MERCHANT_ID" in refused(ENVIRONMENT="production", PHONEPE_MERCHANT_ID=merchant)


@pytest.mark.parametrize("api", ["v3", "V2", "1"])
def test_a_version_of_the_gateway_that_is_none_is_refused(api):
    """If it counted as the default, payments would begin at the wrong version."""
    assert refused(PHONEPE_API=api) == "PHONEPE_API is none of v1, v2"


@pytest.mark.parametrize("salt", sorted(SANDBOX_SALTS))
def test_a_published_salt_is_refused_in_production_also_as_a_second_one_and_is_not_repeated(salt):
    """Anybody can sign a callback with it."""
    for keys in (f"1:{salt}", f"2:own-salt,1:{salt}"):
        message = refused(PHONEPE_SALT_KEYS=keys, PHONEPE_MERCHANT_ID="OURS")
        assert "PHONEPE_SALT_KEYS" in message
        assert salt not in message


@pytest.mark.parametrize("environment", ["local", "test", "staging"])
def test_elsewhere_the_sandbox_is_what_one_uses(environment):
    settings = Settings.read(
        {
            "ENVIRONMENT": environment,
            "PHONEPE_MERCHANT_ID": "PGTESTPAYUAT",
            "PHONEPE_SALT_KEYS": f"1:{min(SANDBOX_SALTS)}",
        }
    )
    assert not settings.is_production
    assert settings.is_local == (environment != "staging")


@pytest.mark.parametrize("environment", ["prod", "Production", "live", "dev"])
def test_an_unknown_environment_is_refused(environment):
    """A misspelt `production` would otherwise accept the gateway's published keys."""
    assert "ENVIRONMENT" in refused(ENVIRONMENT=environment, PHONEPE_MERCHANT_ID="PGTESTPAYUAT")


def test_every_setting_is_documented_and_nothing_else_is():
    written = (Path(__file__).parents[2] / ".env.example").read_text()
    assert set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", written, re.MULTILINE)) == {
        name.upper() for name in Settings.names()
    }
