"""`python -m infra.release.smoke WHERE`: whether what was just deployed answers, from outside, as a client would ask.

WHERE is the address of all groups, or a file with what `terraform output -json urls` says: `{group: address}`. Nothing
is changed and nobody is mailed. Each public function is asked something it refuses by a rule of its own, which it can do
only when its code, its settings and its secrets are there. The document must be the one of this tree. A group that only
other lines of business need has no address and is not asked.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

PARTS: Final = Path("functions/docs/openapi")
TRIES: Final = 3
TIMEOUT: Final = 20  # seconds: an instance may have to start
NOBODY: Final = {"email": "smoke@invalid.example", "otp": "000000"}


@dataclass(frozen=True)
class Check:
    """A question to a group, and how it is to be answered: a status, and the problem's code."""

    group: str
    method: str
    path: str
    status: int
    code: str | None = None
    body: Mapping[str, str] | None = None


CHECKS: Final = (
    Check("docs", "GET", "/api/v1/openapi.json", 200),
    Check("auth", "POST", "/api/v1/auth/verify-otp", 401, "otp_invalid", NOBODY),  # Redis has been asked
    Check("customer", "GET", "/api/v1/customer/bookings", 401, "invalid_token"),
    Check("chef", "GET", "/api/v1/chef/bookings", 401, "invalid_token"),
    Check("admin", "GET", "/api/v1/admin/stats", 401, "invalid_token"),
    Check("payments", "POST", "/api/v1/payments/initiate", 401, "invalid_token", {}),
    Check("callback", "POST", "/api/v1/payments/callback", 401, "invalid_signature", {}),
)


def smoke(urls: Mapping[str, str], pause: float = 5.0) -> list[str]:
    """Ask each group, three times at most, seconds apart; return what was answered otherwise than it must be."""
    wrong = []
    for check in (each for each in CHECKS if each.group in urls):
        for tried in range(TRIES):
            said = _ask(urls[check.group], check)
            if said is None:
                break
            time.sleep(pause if tried < TRIES - 1 else 0)
        else:
            wrong.append(f"{check.method} {urls[check.group]}{check.path}: {said}")
    return wrong


def _ask(url: str, check: Check) -> str | None:
    """Return what is wrong with an answer; None for nothing."""
    try:
        answer = requests.request(check.method, url + check.path, json=check.body, timeout=TIMEOUT)
        said = answer.json()
    except (requests.RequestException, ValueError) as trouble:
        return type(trouble).__name__
    if (answer.status_code, said.get("code")) != (check.status, check.code):
        return f"{answer.status_code} {said.get('code')}, not {check.status} {check.code}"
    if check.group == "docs" and not _is_of_this_tree(said):
        return "the document of another release"
    return None


def _is_of_this_tree(document: Any) -> bool:
    """Tell whether a document holds every operation of the core, and of the lines none but this tree's."""
    parts = {file.stem: json.loads(file.read_bytes()) for file in PARTS.glob("*.json")}
    known = {operation for part in parts.values() for operation in _operations(part)}
    served = set(_operations(document))
    return set(_operations(parts["core"])) <= served <= known


def _operations(document: Any) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield json.dumps([path, method, operation])


def addresses(where: str) -> dict[str, str]:
    """Return the address of each group."""
    if where.startswith(("https://", "http://")):
        return {check.group: where.rstrip("/") for check in CHECKS}
    written: dict[str, str] = json.loads(Path(where).read_text())
    return written


def main(where: str) -> None:
    urls = addresses(where)
    if wrong := smoke(urls):
        sys.exit("\n".join(wrong))
    sys.stdout.write(f"{sum(check.group in urls for check in CHECKS)} groups answer as they must.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
