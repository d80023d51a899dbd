"""Invalid access tokens, each a valid one with a single defect."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.system import Client

CLAIMS = ("iss", "aud", "typ", "sub", "role", "sid", "jti", "iat", "exp")


def segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True)
class Forge:
    """Makes tokens with one defect from a valid one, signed with its own key unless the key is the defect."""

    token: str
    key_id: str
    secret: str

    @classmethod
    def of(cls, client: Client) -> "Forge":
        key_id, _, secret = client.system.env["JWT_KEYS"].partition(":")
        return cls(client.tokens["access_token"], key_id, secret)

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "HS256", "typ": "at+jwt", "kid": self.key_id}

    @property
    def claims(self) -> dict[str, Any]:
        return jwt.decode(self.token, options={"verify_signature": False})

    def by_hand(self, header: dict[str, Any], claims: dict[str, Any] | None = None, digest: str = "sha256") -> str:
        body = f"{segment(header)}.{segment(claims or self.claims)}"
        return f"{body}.{segment(hmac.digest(self.secret.encode(), body.encode(), digest))}"

    def with_claims(self, **changes: Any) -> str:
        return self.by_hand(self.header, self.claims | changes)

    def without(self, claim: str) -> str:
        return self.by_hand(self.header, {name: value for name, value in self.claims.items() if name != claim})


def forged(forge: Forge, other: Client, key: RSAPrivateKey) -> Iterator[tuple[str, str]]:
    """Yield tokens that every function must refuse, each with the name of its defect."""
    yield from _about_time_and_place(forge)
    yield from _tampered(forge, other.tokens["access_token"])
    yield from _of_another_algorithm(forge, key)
    yield from _of_another_key(forge)
    yield from ((f"without {claim}", forge.without(claim)) for claim in CLAIMS)
    yield from (
        (f"{claim} null", forge.with_claims(**{claim: None})) for claim in CLAIMS if claim not in {"role", "jti"}
    )
    yield from ((f"{claim} an object", forge.with_claims(**{claim: {}})) for claim in CLAIMS if claim != "role")


def of_nobody(forge: Forge, other: Client) -> Iterator[tuple[str, str]]:
    """Yield correctly signed tokens without a live session, which only the database can detect."""
    yield "a session of somebody else", forge.with_claims(sid=Forge.of(other).claims["sid"])
    yield "somebody else in this session", forge.with_claims(sub=Forge.of(other).claims["sub"])
    yield "a session nobody has", forge.with_claims(sid=str(uuid4()))
    yield "a person nobody is", forge.with_claims(sub=str(uuid4()))


def _about_time_and_place(forge: Forge) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    yield "expired", forge.with_claims(exp=now - 1)
    yield "expired long ago", forge.with_claims(exp=1)
    yield "from the future", forge.with_claims(iat=now + 3_600)
    yield "not yet good", forge.with_claims(nbf=now + 3_600)
    for audience in ("other", "sizzle-api ", "SIZZLE-API", "", [], ["other"]):
        yield f"audience {audience!r}", forge.with_claims(aud=audience)
    for issuer in ("other", "sizzle/", "", ["sizzle"]):
        yield f"issuer {issuer!r}", forge.with_claims(iss=issuer)
    for kind in ("refresh", "id", "", "Access"):
        yield f"typ {kind!r}", forge.with_claims(typ=kind)
    for kind in ("JWT", "jwt", "", "rt+jwt"):
        yield f"typ {kind!r} in the header", forge.by_hand(forge.header | {"typ": kind})


def _tampered(forge: Forge, others: str) -> Iterator[tuple[str, str]]:
    parts, theirs = forge.token.split("."), others.split(".")
    for place, name in enumerate(("header", "claims", "signature")):
        for at in (0, len(parts[place]) // 2):
            letter = "A" if parts[place][at] != "A" else "B"
            changed = parts[place][:at] + letter + parts[place][at + 1 :]
            yield f"{name} changed at {at}", ".".join([*parts[:place], changed, *parts[place + 1 :]])
        yield f"{name} empty", ".".join([*parts[:place], "", *parts[place + 1 :]])
        yield f"{name} cut short", ".".join([*parts[:place], parts[place][:-5], *parts[place + 1 :]])
        if name != "header":
            yield f"{name} of another token", ".".join([*parts[:place], theirs[place], *parts[place + 1 :]])
    yield "an admin by its own word", f"{parts[0]}.{segment(forge.claims | {'role': 'admin'})}.{parts[2]}"
    yield "two parts", ".".join(parts[:2])
    yield "four parts", f"{forge.token}.{parts[2]}"


def _of_another_algorithm(forge: Forge, key: RSAPrivateKey) -> Iterator[tuple[str, str]]:
    claims = segment(forge.claims)
    for name in ("none", "None", "NONE", "nOnE", "", None):
        head = segment(forge.header | {"alg": name})
        yield f"algorithm {name!r}, unsigned", f"{head}.{claims}."
        yield f"algorithm {name!r}, signed", forge.by_hand(forge.header | {"alg": name})
    yield "no algorithm", forge.by_hand({name: forge.header[name] for name in ("typ", "kid")})
    yield "HS512 by our key", forge.by_hand(forge.header | {"alg": "HS512"}, digest="sha512")
    yield "HS384 by our key", forge.by_hand(forge.header | {"alg": "HS384"}, digest="sha384")
    yield "RS256 in name", forge.by_hand(forge.header | {"alg": "RS256"})
    rest = {name: forge.header[name] for name in ("typ", "kid")}
    yield "RS256 by a key of one's own", jwt.encode(forge.claims, key, "RS256", headers=rest)
    public = key.public_key().public_numbers()
    own = {"kty": "RSA", "n": segment(public.n.to_bytes(256)), "e": "AQAB"}
    yield "RS256 with its key beside it", jwt.encode(forge.claims, key, "RS256", headers=rest | {"jwk": own})


def _of_another_key(forge: Forge) -> Iterator[tuple[str, str]]:
    for key_id in ("other", "", "../../dev/null", "' or 1=1", "Local", None, 1, [], {}, ["local"]):
        yield f"key id {key_id!r}", forge.by_hand(forge.header | {"kid": key_id})
    yield "no key id", forge.by_hand({"alg": "HS256", "typ": "at+jwt"})
    for name, secret in (("empty", ""), ("its id", forge.key_id), ("guessed", "secret"), ("cut", forge.secret[:-1])):
        yield f"key {name}", Forge(forge.token, forge.key_id, secret).by_hand(forge.header)
    yield "critical extension nobody knows", forge.by_hand(forge.header | {"crit": ["x"], "x": 1})
