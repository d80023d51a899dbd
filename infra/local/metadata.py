"""Stand-in for Google's metadata server, and the token issuer for the local Cloud Tasks and Cloud Scheduler.

python -m infra.local.metadata --port N --data DIR --issuer URL
"""

import argparse
import hashlib
import ipaddress
import os
import time
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Flask, Response, abort, request
from jwt.algorithms import RSAAlgorithm

from infra.local.serving import call_directly, serve_until_ended

TOKEN_SECONDS: Final = 3600
ACCESS_AUDIENCE: Final = (
    "https://www.googleapis.com/"  # distinguishes access tokens from ID tokens, which are signed alike
)
SERVICE_ACCOUNT: Final = "/computeMetadata/v1/instance/service-accounts/default"


class Issuer:
    """Signs with one RSA key stored in `data` (mode 0600), so that tokens stay valid after a restart."""

    def __init__(self, data: Path, url: str) -> None:
        self._key = _kept_key(data / "issuer-key.pem")
        self._url = url
        public: dict[str, Any] = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._kid = hashlib.sha256(public["n"].encode()).hexdigest()[:40]
        self.jwks = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "RS256"}]}

    def sign(self, audience: str, email: str) -> str:
        """Return a token like Google's: valid for an hour, e-mail verified, a stable number as its subject."""
        now = int(time.time())
        subject = str(int(hashlib.sha256(email.encode()).hexdigest()[:16], 16))
        claims = {
            "iss": self._url,
            "aud": audience,
            "azp": subject,
            "sub": subject,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._kid})


def _kept_key(path: Path) -> RSAPrivateKey:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(pem)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def create_app(issuer: Issuer, project: str, email: str) -> Flask:
    """Return the server of one service account (`email`) of `project`."""
    app = Flask(__name__)

    @app.before_request
    def guard() -> None:
        if not ipaddress.ip_address(request.remote_addr or "::").is_loopback:
            abort(403)
        if request.path.startswith("/computeMetadata/") and request.headers.get("Metadata-Flavor") != "Google":
            abort(403, "Missing Metadata-Flavor:Google header.")

    @app.after_request
    def flavour(response: Response) -> Response:
        response.headers["Metadata-Flavor"] = "Google"
        return response

    @app.get(f"{SERVICE_ACCOUNT}/token")
    def token() -> dict[str, Any]:
        signed = issuer.sign(ACCESS_AUDIENCE, email)
        return {"access_token": signed, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"}

    @app.get(f"{SERVICE_ACCOUNT}/identity")
    def identity() -> Response:
        audience = request.args.get("audience") or abort(400, "non-empty audience parameter required")
        return Response(issuer.sign(audience, email), mimetype="text/html")  # Google's text

    @app.get(f"{SERVICE_ACCOUNT}/email")
    def own_email() -> Response:
        return Response(email, mimetype="application/text")

    @app.get("/computeMetadata/v1/project/project-id")
    def project_id() -> Response:
        return Response(project, mimetype="application/text")

    _add_issuer(app, issuer)
    return app


def _add_issuer(app: Flask, issuer: Issuer) -> None:
    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        return issuer.jwks

    @app.post("/sign")
    def sign() -> dict[str, str]:
        wanted = request.get_json()
        return {"token": issuer.sign(str(wanted["audience"]), str(wanted["email"]))}

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}


class Metadata:
    """A client of the metadata server at `host`, for the other stand-ins."""

    def __init__(self, host: str) -> None:
        self._sign_url = f"http://{host}/sign"
        self._keys = jwt.PyJWKClient(f"http://{host}/jwks", timeout=3, cooldown_duration=0)

    def id_token(self, audience: str, email: str) -> str:
        """Return a token of the service account `email` for `audience`. Raises requests.RequestException."""
        answer = call_directly("POST", self._sign_url, json={"audience": audience, "email": email}, timeout=3)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def check(self, access_token: str) -> None:
        """Raise jwt.PyJWTError unless it is a valid access token of this metadata server."""
        key = self._keys.get_signing_key_from_jwt(access_token)
        jwt.decode(access_token, key, algorithms=["RS256"], audience=ACCESS_AUDIENCE)


def main() -> None:
    parser = argparse.ArgumentParser(description="Local metadata server and token issuer.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the signing key")
    parser.add_argument("--issuer", required=True, help="the `iss` of its tokens (OIDC_ISSUER)")
    parser.add_argument("--project", default="local")
    parser.add_argument("--email", default="functions@local.iam.gserviceaccount.com")
    options = parser.parse_args()
    serve_until_ended(create_app(Issuer(options.data, options.issuer), options.project, options.email), options.port)


if __name__ == "__main__":
    main()
