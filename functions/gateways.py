"""Payment gateways by name: a further gateway is one entry of GATEWAYS. Adapters are imported on first use."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from functions import wiring

if TYPE_CHECKING:
    from infra.phonepe.v1.wire import Signer
    from shared.payments.gateway import Gateway, GatewayUnavailable


@dataclass(frozen=True)
class GatewayEntry:
    """A gateway's settings, its client, and how its callbacks are verified and read.

    `needs` are the settings without which no payment can begin, `callback_needs` those without which no callback can be
    verified. `header` carries what `verify` checks: in v1 a signature over the body's `response`, in v2 a
    shared secret that proves nothing about the body. `our_id` reads our id of the payment or refund from a body; empty if
    there is none. `client` raises GatewayUnavailable without its settings.
    """

    needs: tuple[str, ...]
    callback_needs: tuple[str, ...]
    header: str
    client: Callable[[], "Gateway"]
    verify: Callable[[bytes, str], bool]
    our_id: Callable[[bytes], str]


def _unavailable(name: str) -> "GatewayUnavailable":
    from shared.payments.gateway import GatewayUnavailable

    return GatewayUnavailable(f"no settings for {name}")


@cache
def _signer() -> "Signer":
    from infra.phonepe.v1.wire import Signer

    salts = wiring.settings().phonepe_salt_keys
    assert salts  # noqa: S101 - the callers have checked
    return Signer(salts)


@cache
def _phonepe_client() -> "Gateway":
    from infra.phonepe.v1.client import PhonePe

    chosen = wiring.settings()
    if not chosen.phonepe_salt_keys:
        raise _unavailable("phonepe")
    callback = f"{chosen.public_url}/api/v1/payments/callback"
    return PhonePe(chosen.phonepe_base_url, chosen.phonepe_merchant_id or "", _signer(), callback)


def _phonepe_verify(raw: bytes, header: str) -> bool:
    from infra.phonepe.v1.wire import is_authentic

    return bool(wiring.settings().phonepe_salt_keys) and is_authentic(raw, header, _signer())


def _phonepe_our_id(raw: bytes) -> str:
    from infra.phonepe.v1.wire import our_id

    return our_id(raw)


@cache
def _phonepe_v2_client() -> "Gateway":
    from infra.phonepe.v2.client import PhonePe
    from infra.phonepe.v2.token import Credentials, Tokens

    chosen = wiring.settings()
    if not chosen.phonepe_client_secret:
        raise _unavailable("phonepe_v2")
    credentials = Credentials(
        chosen.phonepe_client_id or "", chosen.phonepe_client_version or "", chosen.phonepe_client_secret
    )
    tokens = Tokens(chosen.phonepe_auth_url, credentials, wiring.store())
    return PhonePe(chosen.phonepe_pg_url, chosen.phonepe_merchant_id or "", tokens)


def _phonepe_v2_verify(_: bytes, header: str) -> bool:
    from infra.phonepe.v2.wire import is_ours

    users = wiring.settings().phonepe_webhook_keys
    return users is not None and is_ours(header, users)


def _phonepe_v2_our_id(raw: bytes) -> str:
    from infra.phonepe.v2.wire import our_id

    return our_id(raw)


GATEWAYS = {
    "phonepe": GatewayEntry(
        needs=("phonepe_merchant_id", "phonepe_salt_keys", "public_url"),
        callback_needs=("phonepe_salt_keys",),
        header="X-VERIFY",
        client=_phonepe_client,
        verify=_phonepe_verify,
        our_id=_phonepe_our_id,
    ),
    "phonepe_v2": GatewayEntry(
        needs=(
            *("phonepe_merchant_id", "phonepe_client_id", "phonepe_client_version", "phonepe_client_secret"),
            *("upstash_redis_rest_url", "upstash_redis_rest_token"),
        ),
        callback_needs=("phonepe_webhook_keys",),
        header="Authorization",
        client=_phonepe_v2_client,
        verify=_phonepe_v2_verify,
        our_id=_phonepe_v2_our_id,
    ),
}
# The gateway of new payments, by the setting PHONEPE_API.
CHOICES = {"v1": "phonepe", "v2": "phonepe_v2"}


def _chosen() -> str:
    return CHOICES[wiring.settings().phonepe_api]


def needs() -> tuple[str, ...]:
    """Return the settings that payments through the chosen gateway need."""
    return GATEWAYS[_chosen()].needs


def callback_needs() -> tuple[str, ...]:
    """Return the settings that verifying the chosen gateway's callbacks needs."""
    return GATEWAYS[_chosen()].callback_needs


def chosen_gateway() -> "Gateway":
    """Return the gateway of new payments."""
    return GATEWAYS[_chosen()].client()


def gateway_named(name: str) -> "Gateway":
    """Return the gateway of an existing payment. Raises GatewayUnavailable if this deployment has no settings for it."""
    try:
        client = GATEWAYS[name].client
    except KeyError as error:
        raise _unavailable(name) from error
    return client()


def sender_of(raw: bytes, headers: Headers) -> str | None:
    """Return the name of the gateway that sent a callback; None if no gateway's signature or secret is valid."""
    for name in GATEWAYS:  # noqa: PLC0206 - field by field: a bundle then ships `verify` without `client`
        header = headers.get(GATEWAYS[name].header)
        if header is not None and GATEWAYS[name].verify(raw, header):
            return name
    return None


def our_id(name: str, raw: bytes) -> str:
    """Return our id in a callback of this gateway; empty if there is none."""
    return GATEWAYS[name].our_id(raw)
