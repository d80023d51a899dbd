"""The words of the sign-in mail."""

from shared.kit.letter import Letter


def code_letter(code: str, seconds: int) -> Letter:
    """Return the mail with a one-time code; the code is not in the subject, which notifications show on lock screens."""
    return Letter(
        subject="Your Sizzle sign-in code",
        heading="Your sign-in code",
        code=code,
        sentences=[
            f"Enter it within {seconds // 60} minutes to sign in. It works once.",
            "Nobody from Sizzle will ever ask you for it. If you did not ask for a code, you can ignore this mail.",
        ],
    )
