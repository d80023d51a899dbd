"""One-time codes: six digits, five minutes, used once, five tries (docs/product.md#one-time-codes).

Each step is one atomic script in the store, on the store's clock. The script counts before it compares, so that parallel
guesses cannot pass the limit, and it deletes the code when it accepts it. The store has only an HMAC of a code, and not
the HMAC's key.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from shared.kit import log
from shared.kit.errors import TooManyRequests, Unauthorized
from shared.kit.settings import Keys
from shared.kit.store import Store
from shared.sign_in.limits import Client, Limit, send_limits, verify_limits

TRIES = 5
logger = log.logger(__name__)

# KEYS: the code, the global rate, a counter per limit.
# ARGV: digest, lifetime in ms, then per limit: its count and its window in ms.
SEND = """
for i = 3, #KEYS do
  if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[2 * i - 3]) then
    return {'limited', redis.call('PTTL', KEYS[i])}
  end
end
for i = 3, #KEYS do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[2 * i - 2]) end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'tries', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local rate = redis.call('INCR', KEYS[2])
if rate == 1 then redis.call('PEXPIRE', KEYS[2], 60000) end
return {'sent', rate}
"""

# KEYS: the code, the counter of all tries of a client, the counter of an identifier's failures (may be missing).
# ARGV: the code's digest by each key, joined by commas; tries per code; then per counter: its limit and window in ms.
VERIFY = """
for i = 2, #KEYS do
  if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[2 * i - 1]) then
    return {'limited', redis.call('PTTL', KEYS[i])}
  end
end
local function count(i)
  if KEYS[i] and redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[2 * i]) end
end
count(2)
local tries = tonumber(redis.call('HGET', KEYS[1], 'tries') or ARGV[2])
if tries >= tonumber(ARGV[2]) then return {'wrong', 0} end
redis.call('HINCRBY', KEYS[1], 'tries', 1)
local kept = redis.call('HGET', KEYS[1], 'digest')
for digest in string.gmatch(ARGV[1], '[^,]+') do
  local different = math.abs(#digest - #kept)
  for i = 1, #kept do  -- every character is looked at, however early two differ
    if string.byte(digest, i) ~= string.byte(kept, i) then different = different + 1 end
  end
  if different == 0 then
    redis.call('DEL', KEYS[1])
    return {'right', 0}
  end
end
count(3)
return {'wrong', 0}
"""


class OtpInvalid(Unauthorized):
    """The code is wrong, used, expired or tried too often, or the user is blocked: one response reveals none of these."""

    code, title = "otp_invalid", "Invalid code"

    def __init__(self) -> None:
        super().__init__("The code is wrong, used or expired. Ask for a new one.")


class OtpLimited(TooManyRequests):
    code, title = "otp_limited", "Too many codes"

    def __init__(self, milliseconds: int) -> None:
        super().__init__("Too many tries. Wait before the next one.", retry_after=max(1, -(-milliseconds // 1000)))


@dataclass(frozen=True)
class OneTimeCodes:
    """Issues and verifies one-time codes; `seconds` is their lifetime, `alarm_per_minute` the global rate for an alarm."""

    store: Store
    keys: Keys
    seconds: int
    alarm_per_minute: int

    def issue(self, identifier: str, client: Client, *, known: bool) -> str:
        """Return a new code, which voids the one before; `known` lifts the daily limits a stranger could exhaust.

        Raises OtpLimited if a limit is reached, StoreUnavailable if the store does not respond.
        """
        code = f"{secrets.randbelow(1_000_000):06d}"
        limits = send_limits(self._hashed_identifier(identifier), self._hashed_client(client), known=known)
        digest = self._digests(identifier, code)[0]
        outcome, value = self._run(SEND, ["otp:rate"], limits, [digest, self.seconds * 1000], identifier)
        if outcome == "limited":
            raise OtpLimited(value)
        if value == self.alarm_per_minute:
            logger.error("unusual rate of one-time codes", extra=log.fields(alarm="otp_rate", per_minute=value))
        return code

    def verify(self, identifier: str, code: str, client: Client, *, known: bool) -> None:
        """Verify a code, which works once; raises OtpInvalid, OtpLimited or StoreUnavailable."""
        limits = verify_limits(self._hashed_identifier(identifier), self._hashed_client(client), known=known)
        presented = ",".join(self._digests(identifier, code))
        outcome, value = self._run(VERIFY, [], limits, [presented, TRIES], identifier)
        if outcome == "limited":
            raise OtpLimited(value)
        if outcome != "right":
            raise OtpInvalid

    def _run(
        self, script: str, keys: list[str], limits: Sequence[Limit], head: list[str | int], identifier: str
    ) -> tuple[str, int]:
        pairs = [number for limit in limits for number in (limit.count, limit.seconds * 1000)]
        names = [f"otp:code:{self._hashed_identifier(identifier)}", *keys, *(limit.key for limit in limits)]
        outcome, value = self.store.eval(script, names, [*head, *pairs])
        return str(outcome), int(value)

    def _digests(self, identifier: str, code: str) -> list[str]:
        message = f"code\0{identifier}\0{code}".encode()
        return [hmac.new(secret.encode(), message, sha256).hexdigest() for secret in self.keys.by_id.values()]

    def _hashed_identifier(self, identifier: str) -> str:
        return self._keyed_hash("name", identifier)

    def _hashed_client(self, client: Client) -> Client:
        return replace(client, network=self._keyed_hash("network", client.network))

    def _keyed_hash(self, kind: str, personal: str) -> str:
        # The store never gets an email, phone or IP address. The last key hashes them, so that a new first key changes
        # no counter while the old one is still accepted.
        secret = list(self.keys.by_id.values())[-1]
        return hmac.new(secret.encode(), f"{kind}\0{personal}".encode(), sha256).hexdigest()[:32]
