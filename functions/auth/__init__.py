"""Signing in and out: one-time codes for tokens, tokens for their successors."""

from functions.auth import sign_in
from functions.web import serve

auth = serve(
    "auth",
    [sign_in.routes],
    requires=[
        "database_url",
        "upstash_redis_rest_url",
        "upstash_redis_rest_token",
        "jwt_keys",
        "refresh_keys",
        "otp_keys",
        "resend_api_key_or_smtp_url",
    ],
    loads=["infra.postgres.engine", "infra.redis", "infra.email"],
)
