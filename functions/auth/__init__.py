"""Signing in and out: one-time codes for tokens, tokens for their successors."""

from functions.serving import serve

auth = serve(
    "auth",
    {
        "/api/v1/auth": ["functions.auth.sign_in"],
    },
    requires=[
        "database_url",
        "upstash_redis_rest_url",
        "upstash_redis_rest_token",
        "jwt_keys",
        "refresh_keys",
        "otp_keys",
        "resend_api_key_or_smtp_url",
    ],
    loads=["infra.postgres.engine"],
)
