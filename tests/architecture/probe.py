"""Imports one target as functions-framework does, then all its route modules, and prints what that loaded; in a process of its own."""

import json
import os
import sys
import threading
from pathlib import Path

SECRETS = {
    "DATABASE_URL": "postgresql://user:password@127.0.0.1:1/none",
    "UPSTASH_REDIS_REST_URL": "http://127.0.0.1:1",
    "UPSTASH_REDIS_REST_TOKEN": "token",
    "JWT_KEYS": "k:" + "s" * 32,
    "REFRESH_KEYS": "k:" + "r" * 32,
    "OTP_KEYS": "k:" + "o" * 32,
    "PHONEPE_MERCHANT_ID": "MERCHANT",
    "PHONEPE_CLIENT_ID": "client",
    "PHONEPE_CLIENT_VERSION": "1",
    "PHONEPE_CLIENT_SECRET": "secret",
    "PHONEPE_WEBHOOK_KEYS": "hooks:word",
    "PHONEPE_SALT_KEYS": "1:salt",
    "PUBLIC_URL": "http://127.0.0.1:1",
    "PAYMENT_RETURN_URL": "http://127.0.0.1:1",
    "CLOUD_TASKS_LOCATION": "projects/p/locations/l",
    "SUPPLIER_ADDRESS": "1 Example Street, Mumbai 400001",
    "SUPPLIER_GSTIN": "27AAAAA0000A1Z5",
    **{
        f"{name}_{what}": "http://127.0.0.1:1"
        for name in ("TASKS", "SCHEDULE", "MIGRATE")
        for what in ("URL", "INVOKER")
    },
}


def placeholders() -> dict[str, str]:
    """Return an environment in which every function starts but can reach no dependency."""
    return {"ENVIRONMENT": "test", **SECRETS}


def main(target: str) -> None:
    os.environ.update(placeholders())
    sys.path.insert(0, str(Path(__file__).parents[2]))
    called: list[str] = []
    sys.addaudithook(lambda event, _: called.append(event) if event == "socket.connect" else None)
    import functions_framework  # noqa: F401 - what is there before a target is loaded

    before = set(sys.modules)
    import main as entry

    function = getattr(entry, target)
    started = sorted(set(sys.modules) - before)
    function.app.endpoints()
    loaded = sorted(set(sys.modules) - before)
    threads, sockets = threading.active_count(), called + open_sockets()
    report = {"started": started, "loaded": loaded, "threads": threads, "sockets": sockets}
    sys.stdout.write(json.dumps(report))


def open_sockets() -> list[str]:
    descriptors = Path("/proc/self/fd")
    targets = [str(one.readlink()) for one in descriptors.iterdir() if one.is_symlink()] if descriptors.exists() else []
    return [target for target in targets if target.startswith("socket:")]


if __name__ == "__main__":
    main(sys.argv[1])
