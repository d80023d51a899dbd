"""`python -m infra.release.smoke WHERE`: smoke-tests a deployment from outside, as a client.

WHERE is the base URL of all groups, or a file with the output of `terraform output -json urls`: `{group: url}`. The
tests change nothing and send no mail. Each public function gets a request that it refuses, for which it needs its code,
its settings and its secrets. The OpenAPI document must be this tree's. A group without a URL, which only other lines of
business need, is skipped.
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
    """A request to a group, and the expected status and problem code."""

    group: str
    method: str
    path: str
    status: int
    code: str | None = None
    body: Mapping[str, str] | None = None


CHECKS: Final = (
    Check("docs", "GET", "/api/v1/openapi.json", 200),
    Check("auth", "POST", "/api/v1/auth/verify-otp", 401, "otp_invalid", NOBODY),  # after a query to Redis
    Check("customer", "GET", "/api/v1/customer/bookings", 401, "invalid_token"),
    Check("chef", "GET", "/api/v1/chef/bookings", 401, "invalid_token"),
    Check("admin", "GET", "/api/v1/admin/stats", 401, "invalid_token"),
    Check("payments", "POST", "/api/v1/payments/initiate", 401, "invalid_token", {}),
    Check("callback", "POST", "/api/v1/payments/callback", 401, "invalid_signature", {}),
)


def smoke(urls: Mapping[str, str], pause: float = 5.0) -> list[str]:
    """Send each group's request, up to three times, `pause` seconds apart; return the failures."""
    failures = []
    for check in (each for each in CHECKS if each.group in urls):
        for attempt in range(TRIES):
            failure = _failure(urls[check.group], check)
            if failure is None:
                break
            time.sleep(pause if attempt < TRIES - 1 else 0)
        else:
            failures.append(f"{check.method} {urls[check.group]}{check.path}: {failure}")
    return failures


def _failure(url: str, check: Check) -> str | None:
    """Send the request and return the error in its response, or None."""
    try:
        response = requests.request(check.method, url + check.path, json=check.body, timeout=TIMEOUT)
        body = response.json()
    except (requests.RequestException, ValueError) as trouble:
        return type(trouble).__name__
    if (response.status_code, body.get("code")) != (check.status, check.code):
        return f"{response.status_code} {body.get('code')}, not {check.status} {check.code}"
    if check.group == "docs" and not _is_of_this_tree(body):
        return "the document of another release"
    return None


def _is_of_this_tree(document: Any) -> bool:
    """Tell whether a document has every core operation, and no operation that is not in this tree."""
    parts = {file.stem: json.loads(file.read_bytes()) for file in PARTS.glob("*.json")}
    known = {operation for part in parts.values() for operation in _operations(part)}
    served = set(_operations(document))
    return set(_operations(parts["core"])) <= served <= known


def _operations(document: Any) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield json.dumps([path, method, operation])


def addresses(where: str) -> dict[str, str]:
    """Return the base URL of each group."""
    if where.startswith(("https://", "http://")):
        return {check.group: where.rstrip("/") for check in CHECKS}
    written: dict[str, str] = json.loads(Path(where).read_text())
    return written


def main(where: str) -> None:
    urls = addresses(where)
    if failures := smoke(urls):
        sys.exit("\n".join(failures))
    sys.stdout.write(f"{sum(check.group in urls for check in CHECKS)} groups respond as expected.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
