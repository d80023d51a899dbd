"""Sign-in and sign-out: exchanges one-time codes for tokens, and refresh tokens for new ones."""

from functions.web.app import serve

ROUTES = {
    "/api/v1/auth/send-otp": {"POST": "functions.auth.sign_in"},
    "/api/v1/auth/verify-otp": {"POST": "functions.auth.sign_in"},
    "/api/v1/auth/refresh": {"POST": "functions.auth.sign_in"},
    "/api/v1/auth/logout": {"POST": "functions.auth.sign_in"},
}

auth = serve(
    "auth",
    ROUTES,
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
