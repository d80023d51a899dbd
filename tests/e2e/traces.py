"""Everything a system stores or returns as text: responses, rows, Redis; and a search for words in it."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from hashlib import md5, sha1, sha256
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from infra.redis import UpstashRedis
from tests.postgres_server import plain_connection
from tests.system import System

JWT = re.compile(r"eyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]+")
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")


class Witness(requests.Session):
    """An HTTP client that records requests and responses, including redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[requests.Response] = []

    def send(self, request: requests.PreparedRequest, **wanted: Any) -> requests.Response:
        answer = super().send(request, **wanted)
        self.seen.append(answer)
        return answer

    def answers(self) -> list[tuple[str, str]]:
        """Return each response of the API with its headers, by path."""
        found = [one for one in self.seen if urlsplit(str(one.url)).path.startswith("/api/")]
        return [(urlsplit(str(one.url)).path, f"{dict(one.headers)} {one.text}") for one in found]

    def addresses(self) -> list[str]:
        """Return each URL requested or returned, except the mail catcher's search, which is no part of the API."""
        requested = [str(one.url) for one in self.seen if "/_local/mail" not in str(one.url)]
        handed = [one.headers.get("Location", "") for one in self.seen]
        within = [url for _, text in self.answers() for url in re.findall(r"https?://[^\s\"']+", text)]
        return [*requested, *handed, *within]


def digests(text: str) -> Iterator[str]:
    for make in (md5, sha1, sha256):
        raw = make(text.encode())
        yield from (raw.hexdigest(), base64.b64encode(raw.digest()).decode().rstrip("="))


def spellings(text: str) -> set[str]:
    """Return a text as it is and as it is often written elsewhere."""
    raw = text.encode()
    encoded = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    return {text, quote(text, safe=""), raw.hex(), json.dumps(text)[1:-1], *encoded}


def found(text: str, words: dict[str, set[str]]) -> list[str]:
    """Return the names of the words of which any spelling is in the text."""
    return [name for name, written in words.items() if any(each in text for each in written)]


def codes_in(text: str, codes: list[str]) -> list[str]:
    """Return the codes that stand by themselves: six digits inside a hash, an id or a fraction are no code."""
    return [code for code in codes if re.search(rf"(?<![\w.+-]){code}(?![\w-])", text)]


def columns(system: System) -> Iterator[tuple[str, str]]:
    """Yield what every row of every table holds, column by column: `table.column` and a text to look into.

    Columns that cannot contain text are skipped: ids, instants, days, booleans.
    """
    listed = system.sql(
        "select c.table_name, c.column_name from information_schema.columns c join information_schema.tables t"
        " using (table_schema, table_name) where c.table_schema = 'public' and t.table_type = 'BASE TABLE'"
        " and c.data_type not in ('uuid', 'timestamp with time zone', 'tstzrange', 'date', 'boolean')"
    )
    with closing(plain_connection(system.env["DATABASE_URL"])) as connection:
        for table, column in listed:
            rows = connection.run(f'select "{column}" from "{table}"') or []
            yield f"{table}.{column}", "\n".join(readable(value) for (value,) in rows)


def readable(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    inside = re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text) if isinstance(value, bytes) else []
    whole = [each for each in inside if len(each.rstrip("=")) % 4 != 1]  # what is no base64 is a word of its own
    return " ".join([text, *(base64.b64decode(each + "===").decode(errors="replace") for each in whole)])


EVERYTHING = """
local kept = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local is_hash = redis.call('TYPE', key)['ok'] == 'hash'
  table.insert(kept, {key, is_hash and redis.call('HGETALL', key) or redis.call('GET', key)})
end
return kept
"""


def stored(system: System) -> list[tuple[str, str]]:
    """Return every entry of the Redis store by key, read in one command, because some entries are about to expire."""
    redis = UpstashRedis(system.env["UPSTASH_REDIS_REST_URL"], system.env["UPSTASH_REDIS_REST_TOKEN"])
    with closing(redis):
        return [(key, f"{key} {value}") for key, value in redis.eval(EVERYTHING, [], [])]
