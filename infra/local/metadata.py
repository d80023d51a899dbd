"""Stand-in for Google's metadata server, and the issuer whose tokens its neighbours (Cloud Tasks, Scheduler) send.

python -m infra.local.metadata --port N --data DIR --issuer URL
"""

import argparse
import hashlib
import ipaddress
import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Flask, Response, abort, request
from jwt.algorithms import RSAAlgorithm
from markupsafe import Markup, escape
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

TOKEN_SECONDS: Final = 3600
ACCESS_AUDIENCE: Final = "https://www.googleapis.com/"  # tells access tokens from ID tokens: both are signed alike
SERVICE_ACCOUNT: Final = "/computeMetadata/v1/instance/service-accounts/default"


class Issuer:
    """Signs with one RSA key kept in `data` (mode 0600), so that its tokens outlive a restart."""

    def __init__(self, data: Path, url: str) -> None:
        self._key = _kept_key(data / "issuer-key.pem")
        self._url = url
        public: dict[str, Any] = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._kid = hashlib.sha256(public["n"].encode()).hexdigest()[:40]
        self.jwks = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "RS256"}]}

    def sign(self, audience: str, email: str) -> str:
        """Return a token as Google's: an hour long, the e-mail verified, the subject a number that stays."""
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
        return Response(issuer.sign(audience, email), mimetype="text/html")  # as Google says it

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
    """What the other stand-ins ask the one at `host` for."""

    def __init__(self, host: str) -> None:
        self._sign_url = f"http://{host}/sign"
        self._keys = jwt.PyJWKClient(f"http://{host}/jwks", timeout=3, cooldown_duration=0)

    def id_token(self, audience: str, email: str) -> str:
        """Return a token of the service account `email` for `audience`. Raises requests.RequestException."""
        answer = call("POST", self._sign_url, json={"audience": audience, "email": email}, timeout=3)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def check(self, access_token: str) -> None:
        """Raise jwt.PyJWTError when it is not an access token of this metadata server that still holds."""
        key = self._keys.get_signing_key_from_jwt(access_token)
        jwt.decode(access_token, key, algorithms=["RS256"], audience=ACCESS_AUDIENCE)


def call(method: str, url: str, *, timeout: float, **wanted: Any) -> requests.Response:
    """Send one request as Google's dispatchers do, on a connection of its own: no proxy, no redirect followed."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=timeout, allow_redirects=False, **wanted)


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep addresses and query strings out of the terminal."""


def listen(app: Flask, port: int) -> BaseWSGIServer:
    """Return a threaded server on the loopback interface; port 0 takes a free one (`.port`)."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler)


def serve(app: Flask, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    listen(app, port).serve_forever(poll_interval=0.1)


def page(title: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a table as a small HTML page; values are escaped unless they are Markup."""
    head = Markup("").join(Markup("<th>{}</th>").format(column.replace("_", " ").capitalize()) for column in columns)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(_cell(row.get(column))) for column in columns)
        )
        for row in rows
    )
    return _PAGE.format(title=escape(title), head=head, body=body or Markup("<tr><td>Nothing yet.</td></tr>"))


def _cell(value: Any) -> Any:
    return "–" if value is None else value


_PAGE: Final = Markup(
    """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <style>
    :root {{ --ink: #1d1526; --soft: #665c72; --line: #e2dce9; --ground: #f6f3f9; --card: #fff; }}
    @media (prefers-color-scheme: dark) {{
      :root {{ --ink: #f2eef6; --soft: #b3a8bf; --line: #3a3046; --ground: #150f1c; --card: #211829; }}
    }}
    body {{ margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
    main {{ width: min(100% - 2rem, 68rem); margin: 2rem auto; }}
    h1 {{ font-size: 1.125rem; }}
    .scroll {{ overflow-x: auto; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); }}
    table {{ width: 100%; border-collapse: collapse; font-size: .9375rem; }}
    th, td {{ padding: .6rem 1rem; border-top: 1px solid var(--line); text-align: left; white-space: nowrap; }}
    th {{ border: 0; color: var(--soft); font-weight: 500; }}
    form {{ margin: 0; }}
    button {{ padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent;
              color: inherit; font: inherit; cursor: pointer; }}
  </style>
</head>
<body>
<main>
  <h1>{title}</h1>
  <div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>
</main>
</body>
</html>
"""
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Local metadata server and token issuer.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="where the signing key is kept")
    parser.add_argument("--issuer", required=True, help="the `iss` of its tokens (OIDC_ISSUER)")
    parser.add_argument("--project", default="local")
    parser.add_argument("--email", default="functions@local.iam.gserviceaccount.com")
    options = parser.parse_args()
    serve(create_app(Issuer(options.data, options.issuer), options.project, options.email), options.port)


if __name__ == "__main__":
    main()
