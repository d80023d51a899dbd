from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from functions import wiring
from functions.web import authentication
from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.contact import Email, Phone
from shared.kit.errors import DependencyDown, Invalid
from shared.kit.ids import new_id
from shared.kit.schemas import Body, View
from shared.notifications.mail import Mail
from shared.sign_in import sessions
from shared.sign_in.messages import code_letter
from shared.sign_in.otp import OtpInvalid, OtpLimited
from shared.sign_in.sessions import RefreshInvalid, SignedIn
from shared.sign_in.tokens import InvalidToken, RefreshToken

routes = Routes("/api/v1/auth")
Opaque = Annotated[str, Field(min_length=1, max_length=512)]


class Identified(Body):
    """The user who signs in, by email or phone. A refresh token issued to them earlier lifts the limits for strangers."""

    email: Email | None = None
    phone: Phone | None = None
    refresh_token: Opaque | None = None

    @model_validator(mode="after")
    def require_email_or_phone(self) -> Self:
        if (self.email is None) == (self.phone is None):
            raise ValueError("send either email or phone")
        return self

    def address(self) -> str:
        """Return the email address the code is sent to. Raises Invalid for a phone number: no SMS sender is configured."""
        if self.email is None:
            raise Invalid("phone", "codes cannot be sent to phones yet; use email")
        return self.email


class CodePresented(Identified):
    otp: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["482913"])]


class RefreshRequest(Body):
    refresh_token: Opaque


class LogoutRequest(Body):
    refresh_token: Opaque | None = None


class CodeSent(View):
    message: Literal["OTP sent"] = "OTP sent"
    expires_in: int


class Tokens(View):
    """Times are seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the type's name
    expires_in: int
    role: str
    is_new_user: bool


@routes.post("/send-otp", body=Identified, answer=CodeSent, refuses=(OtpLimited, DependencyDown))
def send_otp(call: Call, body: Identified) -> CodeSent:
    """Send a one-time code; the answer is the same whether the address is known or not."""
    address = body.address()
    code = wiring.one_time_codes().issue(address, call.client, known=_is_known(body))
    letter = code_letter(code, wiring.settings().otp_seconds, wiring.brand())
    mail = Mail(
        to=address,
        subject=letter.subject,
        text=letter.text(wiring.brand()),
        html=letter.html(wiring.brand()),
        id=str(new_id()),
    )
    wiring.mailer().send(mail)
    return CodeSent(expires_in=wiring.settings().otp_seconds)


@routes.post("/verify-otp", body=CodePresented, answer=Tokens, refuses=(OtpInvalid, OtpLimited, DependencyDown))
def verify_otp(call: Call, body: CodePresented) -> Tokens:
    """Exchange a code for tokens; a new address becomes a customer."""
    address = body.address()
    wiring.one_time_codes().verify(address, body.otp, call.client, known=_is_known(body))
    with wiring.database().transaction() as session:
        signed_in = sessions.begin(session, address, wiring.lifetimes(), call.now)
    if signed_in is None:
        raise OtpInvalid
    return _tokens(call, signed_in)


@routes.post("/refresh", body=RefreshRequest, answer=Tokens, refuses=(RefreshInvalid, DependencyDown))
def refresh(call: Call, body: RefreshRequest) -> Tokens:
    """Exchange a refresh token for a new one and a new access token; each refresh token works once."""
    token = _read(body.refresh_token)
    if token is None:
        raise RefreshInvalid
    with wiring.database().transaction() as session:
        signed_in = sessions.rotate(session, token, wiring.lifetimes(), call.now)
    if signed_in is None:
        raise RefreshInvalid
    return _tokens(call, signed_in)


@routes.post("/logout", body=LogoutRequest, status=204, refuses=(InvalidToken, DependencyDown))
def logout(call: Call, body: LogoutRequest) -> None:
    """End the session of the refresh token in the body or, without one, of the access token in the header."""
    token = _read(body.refresh_token) if body.refresh_token else None
    named = body.refresh_token is not None
    ended = (token.family if token else None) if named else authentication.claims(call.request).session_id
    if ended is not None:
        with wiring.database().transaction() as session:
            sessions.end(session, ended, "logout", call.now)


def _read(text: str) -> RefreshToken | None:
    keys = wiring.settings().refresh_keys
    return RefreshToken.read(text, keys) if keys else None


def _is_known(body: Identified) -> bool:
    token = _read(body.refresh_token) if body.refresh_token else None
    if token is None or body.email is None:
        return False
    with wiring.database().reading() as session:
        return sessions.was_issued_to(session, token, body.email)


def _tokens(call: Call, signed_in: SignedIn) -> Tokens:
    chosen = wiring.settings()
    assert chosen.refresh_keys  # noqa: S101 - required at start
    refresh_token = RefreshToken(signed_in.session_id, signed_in.generation).encode(chosen.refresh_keys)
    access_token = wiring.access_tokens().issue(signed_in.user_id, signed_in.session_id, signed_in.role, call.now)
    return Tokens(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_in=chosen.access_token_seconds,
        role=signed_in.role,
        is_new_user=signed_in.is_new_user,
    )
