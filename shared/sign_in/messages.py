"""The text of the sign-in mail."""

from shared.kit.brand import Brand
from shared.kit.email_template import EmailTemplate


def code_letter(code: str, seconds: int, brand: Brand) -> EmailTemplate:
    """Return the mail with a one-time code; the subject omits the code, because lock screens show subjects."""
    return EmailTemplate(
        subject=f"Your {brand.name} sign-in code",
        heading="Your sign-in code",
        code=code,
        sentences=[
            f"Enter it within {seconds // 60} minutes to sign in. It works once.",
            f"Nobody from {brand.name} will ever ask you for it. If you did not ask for a code, you can ignore this mail.",
        ],
    )
