"""Rate limits of sending and trying one-time codes (docs/product.md#limits)."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True)
class Limit:
    """At most `count` events in a window of `seconds` that starts with the first event."""

    key: str
    count: int
    seconds: int


@dataclass(frozen=True)
class Client:
    """The network of a request: an IPv4 address, which thousands may share, or the IPv6 /64 of one household."""

    network: str
    is_ipv6: bool

    @classmethod
    def at(cls, address: str) -> "Client":
        """Parse a client's IP address; all invalid addresses share one bucket."""
        try:
            ip = ip_address(address)
        except ValueError:
            return cls("unknown", is_ipv6=False)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None:
            return cls(f"{int(ip) >> 64:016x}", is_ipv6=True)
        return cls(str(ip.ipv4_mapped if isinstance(ip, IPv6Address) else ip), is_ipv6=False)


def send_limits(name: str, client: Client, *, known: bool) -> list[Limit]:
    """Return the limits on sending a code to an identifier from a client; both are given as keyed hashes."""
    limits = [
        Limit(f"otp:send30:{name}:{client.network}", 1, 30),
        Limit(f"otp:send300:{name}:{client.network}", 5, 300),
        Limit(f"otp:send-ip:{client.network}", 20 if client.is_ipv6 else 300, HOUR),
    ]
    return limits if known else [*limits, Limit(f"otp:send-day:{name}", 30, DAY)]


def verify_limits(name: str, client: Client, *, known: bool) -> list[Limit]:
    """Return the limits on trying a code: all tries of a client, and failed tries of an identifier."""
    limits = [Limit(f"otp:verify-ip:{client.network}", 60 if client.is_ipv6 else 900, HOUR)]
    return limits if known else [*limits, Limit(f"otp:failed-day:{name}", 30, DAY)]
