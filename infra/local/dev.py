"""`make dev`: runs the whole system on this machine, each part as its own process, until Ctrl-C.

`python -m infra.local.dev [--port 8080] [--reset] [--bundles var/bundles]`. Data is stored in `var/<port>/`; the functions'
environment is written to `.env` there and in the working folder, for running one function alone. Variables that are
already set win: `DATABASE_URL`, `UPSTASH_REDIS_REST_URL`, and `PHONEPE_PG_URL` or `PHONEPE_BASE_URL` replace a local
server. `PHONEPE_API=v1` starts payments at the older API. `LINES=…` names the lines of business (default: those of
terraform/functions.yaml).
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from infra.local import demo
from infra.local.functions import LIST, default_lines, functions
from infra.local.postgres import Postgres
from infra.local.processes import Process, ReservedPort, StartFailed, healthy, is_taken, stop, wait_ready
from infra.postgres.address import arguments
from infra.postgres.connection import Connection
from infra.postgres.engine import PostgresDatabase
from shared.kit.settings import Settings

PROJECT: Final = "local"
LOCATION: Final = f"projects/{PROJECT}/locations/asia-south1"
MERCHANT: Final = "SIZZLELOCAL"
CLIENT: Final = "SIZZLELOCALCLIENT"
WEBHOOK_USER: Final = "sizzle_local"
# PhonePe requires a webhook password of 8 to 20 characters.
SECRET_BYTES: Final = {"jwt": 32, "refresh": 32, "otp": 32, "redis": 32, "phonepe": 32, "client": 32, "webhook": 10}
READY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Place:
    """The port, data folder and source of one local copy of the system."""

    port: int
    data: Path
    dotenv: bool = True
    bundles: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def folder(self, name: str) -> Path:
        folder = self.data / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def source(self, function: str) -> Path:
        """Return the folder a function is served from: the source tree, or its unpacked bundle."""
        if self.bundles is None:
            return Path.cwd()
        unpacked = self.folder(f"bundles/{function}")
        shutil.rmtree(unpacked)
        shutil.unpack_archive(self.bundles / f"{function}.zip", unpacked)
        return unpacked

    def secrets(self) -> dict[str, str]:
        """Return this copy's secrets; they are generated once, so that sessions survive a restart."""
        kept = self.data / "secrets.json"
        kept.touch(mode=0o600)
        known: dict[str, str] = json.loads(kept.read_text() or "{}")
        made = {name: known.get(name) or secrets.token_hex(size) for name, size in SECRET_BYTES.items()}
        if made != known:
            kept.write_text(json.dumps(made))
        return made


@dataclass(frozen=True)
class Plan:
    """The ports of all processes, and the environment of every function."""

    place: Place
    ports: dict[str, int]
    env: dict[str, str]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def lines_of(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines of business to run: those of LINES, or the default lines."""
    named = tuple(part.strip() for part in given.get("LINES", "").split(",") if part.strip())
    is_terminal_height = len(named) == 1 and named[0].isdigit()  # a terminal exports it as LINES
    return named if named and not is_terminal_height else default_lines()


def reserve(lines: Sequence[str]) -> dict[str, ReservedPort]:
    pieces = ("postgres", "redis", "upstash", "metadata", "cloud_tasks", "phonepe", "smtp", "mail", "scheduler")
    return {name: ReservedPort() for name in (*pieces, *(one.name for one in functions(lines=lines)))}


def plan(place: Place, ports: dict[str, int], given: Mapping[str, str]) -> Plan:
    """Return the plan: generated settings, overridden by those already set in the environment."""
    made = secrets_and_addresses(place, ports)
    chosen = {name: given[name] for name in given if name.lower() in Settings.names()}
    return Plan(place, ports, made | chosen | {"LINES": ",".join(lines_of(given))})


def secrets_and_addresses(place: Place, ports: Mapping[str, int]) -> dict[str, str]:
    kept = place.secrets()

    def at(name: str) -> str:
        return f"http://127.0.0.1:{ports[name]}"

    def account(name: str) -> str:
        return f"{name}@{PROJECT}.iam.gserviceaccount.com"

    return {
        "ENVIRONMENT": "local",
        "DATABASE_URL": Postgres(place.folder("postgres"), ports["postgres"]).url,
        "UPSTASH_REDIS_REST_URL": at("upstash"),
        "UPSTASH_REDIS_REST_TOKEN": kept["redis"],
        "PUBLIC_URL": place.url,
        "PAYMENT_RETURN_URL": f"{place.url}/_local/return",
        "CORS_ORIGINS": "http://localhost:5173",
        "TRUSTED_PROXIES": "1",
        "JWT_KEYS": f"local:{kept['jwt']}",
        "REFRESH_KEYS": f"local:{kept['refresh']}",
        "OTP_KEYS": f"local:{kept['otp']}",
        "MAIL_FROM": "Sizzle <hello@sizzle.example>",
        "SMTP_URL": f"smtp://127.0.0.1:{ports['smtp']}",
        "GCE_METADATA_HOST": f"127.0.0.1:{ports['metadata']}",
        "OIDC_ISSUER": at("metadata"),
        "OIDC_JWKS_URL": f"{at('metadata')}/jwks",
        "CLOUD_TASKS_URL": at("cloud_tasks"),
        "CLOUD_TASKS_LOCATION": LOCATION,
        "TASKS_URL": at("tasks"),
        "TASKS_INVOKER": account("tasks"),
        "SCHEDULE_URL": at("schedule"),
        "SCHEDULE_INVOKER": account("scheduler"),
        "MIGRATE_URL": at("migrate"),
        "MIGRATE_INVOKER": account("pipeline"),
        "PHONEPE_API": "v2",
        "PHONEPE_MERCHANT_ID": MERCHANT,
        "PHONEPE_AUTH_URL": f"{at('phonepe')}/apis/pg-sandbox",
        "PHONEPE_PG_URL": f"{at('phonepe')}/apis/pg-sandbox",
        "PHONEPE_CLIENT_ID": CLIENT,
        "PHONEPE_CLIENT_VERSION": "1",
        "PHONEPE_CLIENT_SECRET": kept["client"],
        "PHONEPE_WEBHOOK_KEYS": f"{WEBHOOK_USER}:{kept['webhook']}",
        "PHONEPE_BASE_URL": at("phonepe"),
        "PHONEPE_SALT_KEYS": f"1:{kept['phonepe']}",
        "SUPPLIER_ADDRESS": "1 Example Street, Mumbai 400001",
        "SUPPLIER_GSTIN": "27AAAAA0000A1Z5",
    }


def processes(chosen: Plan, given: Mapping[str, str]) -> list[Process]:
    """Return all processes except the scheduler and the router, which start after the others."""
    place, ports = chosen.place, chosen.ports
    kept = place.secrets()
    metadata = f"127.0.0.1:{ports['metadata']}"
    made = [_piece(chosen, "metadata", "--data", str(place.folder("metadata")), "--issuer", chosen.url("metadata"))]
    if "DATABASE_URL" not in given:
        made.append(_piece(chosen, "postgres", "--data", str(place.folder("postgres")), ready=_answers(chosen)))
    if "UPSTASH_REDIS_REST_URL" not in given:
        made.append(_piece(chosen, "redis", "--data", str(place.folder("redis")), ready=lambda: True))
        made.append(
            _piece(chosen, "upstash", "--redis-port", str(ports["redis"]), UPSTASH_REDIS_REST_TOKEN=kept["redis"])
        )
    tasks = ("--metadata", metadata, "--queues", str(LIST), "--data", str(place.folder("tasks")))
    made.append(_piece(chosen, "cloud_tasks", *tasks))
    if not {"PHONEPE_BASE_URL", "PHONEPE_PG_URL"} & set(given):
        made.append(_phonepe(chosen, kept))
    made.append(_piece(chosen, "mail", "--smtp-port", str(ports["smtp"]), "--data", str(place.folder("mail"))))
    return made + [_function(chosen, one.name) for one in functions() if one.name in ports]


def _phonepe(chosen: Plan, kept: Mapping[str, str]) -> Process:
    place = chosen.place
    merchant = ("--merchant-id", MERCHANT, "--merchant-name", "Sizzle", "--client-id", CLIENT)
    where = ("--data", str(place.folder("phonepe")), "--public-url", place.url)
    webhook = ("--webhook-url", f"{place.url}/api/v1/payments/callback", "--webhook-user", WEBHOOK_USER)
    return _piece(
        chosen,
        "phonepe",
        *merchant,
        *where,
        *webhook,
        PHONEPE_SALT_KEY=kept["phonepe"],
        PHONEPE_CLIENT_SECRET=kept["client"],
        PHONEPE_WEBHOOK_PASSWORD=kept["webhook"],
    )


def _answers(chosen: Plan) -> Callable[[], bool]:
    """Return a function that tells whether the database accepts connections."""

    def ask() -> bool:
        try:
            Connection(**arguments(chosen.env["DATABASE_URL"])).close()
        except Exception:  # noqa: BLE001 - any error means not ready
            return False
        return True

    return ask


def _log(chosen: Plan, name: str) -> Path:
    return chosen.place.folder("logs") / f"{name}.log"


def _piece(chosen: Plan, name: str, *arguments: str, ready: Callable[[], bool] | None = None, **secret: str) -> Process:
    port = chosen.ports.get(name, chosen.place.port)
    command = [sys.executable, "-m", f"infra.local.{name}", "--port", str(port), *arguments]
    env = os.environ | secret
    return Process(name, command, _log(chosen, name), env, ready or healthy(f"http://127.0.0.1:{port}"))


def _function(chosen: Plan, name: str) -> Process:
    framework = str(Path(sys.executable).with_name("functions-framework"))
    address = ["--host", "127.0.0.1", "--port", str(chosen.ports[name])]
    threads = {"THREADS": "8", "WORKERS": "1", "DATABASE_POOL": "8"}
    env, source = os.environ | threads | chosen.env, chosen.place.source(name)
    command = [framework, f"--target={name}", *address]
    return Process(name, command, _log(chosen, name), env, healthy(chosen.url(name)), source)


def _late(chosen: Plan) -> list[Process]:
    system = chosen.place.data / "system.json"
    urls = {name: f"http://127.0.0.1:{port}" for name, port in chosen.ports.items()}
    accounts = [[who, address] for who, address in demo.ACCOUNTS]
    system.write_text(json.dumps({"urls": urls, "accounts": accounts}, indent=2))
    named = ("--functions", str(LIST), "--target", chosen.url("schedule"))
    identity = ("--metadata", f"127.0.0.1:{chosen.ports['metadata']}", "--invoker", chosen.env["SCHEDULE_INVOKER"])
    return [_piece(chosen, "scheduler", *named, *identity), _piece(chosen, "router", "--system", str(system))]


def migrate(chosen: Plan) -> None:
    """Call the migrate function as the pipeline does, with an identity token."""
    wanted = json.dumps({"audience": chosen.env["MIGRATE_URL"], "email": chosen.env["MIGRATE_INVOKER"]})
    token = json.loads(_post(chosen.url("metadata"), "/sign", wanted))["token"]
    _post(chosen.url("migrate"), "/migrations/upgrade", "{}", Authorization=f"Bearer {token}")


def _post(url: str, path: str, body: str, **headers: str) -> bytes:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise StartFailed(f"POST {path} answered {answer.status}: {said[:500].decode(errors='replace')}")
    return said


def write_env(chosen: Plan) -> None:
    """Write the functions' environment to .env files; `set -a; . ./.env` loads it."""
    lines = [f"{name}={_quoted(value)}" for name, value in sorted(chosen.env.items())]
    paths = [chosen.place.data / ".env", *([Path(".env")] if chosen.place.dotenv else [])]
    for path in paths:
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text("\n".join(["# Written by `make dev`; valid while it runs.", *lines, ""]))


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def announce(chosen: Plan, seconds: float) -> None:
    url = chosen.place.url
    print(f"\n  Sizzle is ready after {seconds:.1f} s: {url}\n")
    for what, path in (
        ("API", "/api/v1"),
        ("Mails", "/_local/mail"),
        ("Payments", "/_local/payments"),
        ("Tasks", "/_local/tasks"),
        ("Jobs", "/_local/jobs"),
    ):
        print(f"  {what:<10}{url}{path}")
    print("\n  Accounts (sign in with a code; it arrives under Mails)")
    for who, address in demo.ACCOUNTS:
        print(f"  {who:<20}{address}")
    print(f"\n  Logs in {chosen.place.data}/logs, environment in .env. Ctrl-C ends everything.\n", flush=True)


def watch(running: list[Process], ended: threading.Event) -> None:
    """Restart processes that end, as the platform would, until `ended` is set."""
    while not ended.wait(0.5):
        for process in running:
            if process.died() and not ended.is_set():
                print(f"  {process.name} ended and is restarted; its log: {process.log}", flush=True)
                process.start()


def run(place: Place, given: Mapping[str, str], ended: threading.Event) -> None:
    began = time.monotonic()
    reserved = reserve(lines_of(given))
    chosen = plan(place, {name: port.number for name, port in reserved.items()}, given)
    write_env(chosen)
    running = processes(chosen, given)
    try:
        for process in running:
            process.start()
        wait_ready(running, READY_SECONDS)
        migrate(chosen)
        database = PostgresDatabase(chosen.env["DATABASE_URL"], 1)
        demo.load(database)
        database.dispose()
        for process in _late(chosen):
            running.append(process)
            process.start()
        wait_ready(running, READY_SECONDS)
        announce(chosen, time.monotonic() - began)
        watch(running, ended)
    finally:
        ended.set()
        stop(running)
        for port in reserved.values():
            port.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="The whole system on this machine")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, help="data folder (default var/<port>)")
    parser.add_argument("--reset", action="store_true", help="delete all data first")
    parser.add_argument("--no-dotenv", action="store_true", help="do not write .env in the working folder")
    parser.add_argument(
        "--bundles", type=Path, help="serve the functions from this folder of archives (`make bundles`)"
    )
    chosen = parser.parse_args()
    data = (chosen.data or Path("var") / str(chosen.port)).absolute()
    if is_taken(chosen.port):  # checked before a running copy's data is touched
        print(f"Port {chosen.port} is taken: is another copy running? Use --port.", file=sys.stderr)
        return 1
    if chosen.reset:
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        run(Place(chosen.port, data, not chosen.no_dotenv, chosen.bundles), os.environ, ended)
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
