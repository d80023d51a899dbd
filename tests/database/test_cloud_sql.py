"""A Cloud SQL instance through Google's connector, with stand-ins for the SQL Admin API and the instance's proxy.

The connector connects to port 3307 inside mutual TLS, with a certificate from the API; the stand-in for that port
relays to the embedded Postgres. The parent process never loads the connector.
"""

import importlib.util
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, create_connection, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy.engine import make_url

from tests.architecture.probe import placeholders
from tests.postgres_server import shared_postgres

ROOT = Path(__file__).parents[2]
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("google.cloud.sql"), reason="the connector is not installed: make install"
)
CLIENT = """
import os, sys, warnings
warnings.simplefilter("ignore")
from functools import partial
import google.auth.credentials
from google.cloud.sql.connector import connector as theirs
from datetime import UTC, datetime, timedelta
from infra.postgres import cloud_sql
from infra.postgres.address import arguments
from infra.postgres.connection import Connection, ConnectionLost

class Account(google.auth.credentials.Credentials):
    def refresh(self, request):
        self.token, self.expiry = "token", datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)

api, port, password = sys.argv[1:]
theirs.SERVER_PROXY_PORT = int(port)
cloud_sql.Connector = partial(cloud_sql.Connector, sqladmin_api_endpoint=api, credentials=Account())
url = "postgresql://postgres@/postgres?cloud_sql=project:region:instance"
"""


def certificate(public: object, key: ec.EllipticCurvePrivateKey) -> str:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


class Instance(ThreadingTCPServer):
    """The instance's proxy: mutual TLS outside, the embedded Postgres inside."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.own = certificate(self.key.public_key(), self.key)
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "own.pem").write_bytes(self.own.encode() + private)
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "own.pem"))
        self.tls.load_cert_chain(folder / "own.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.dialled = 0
        super().__init__(("127.0.0.1", 0), _Relay)

    def finish_request(self, request: object, client_address: object) -> None:
        self.dialled += 1
        with suppress(OSError), self.tls.wrap_socket(request, server_side=True) as inside:  # type: ignore[call-overload]
            _Relay(inside, client_address, self)


class _Relay(BaseRequestHandler):
    def handle(self) -> None:
        with create_connection(("127.0.0.1", make_url(shared_postgres().url).port)) as server:
            back = threading.Thread(target=_pump, args=(server, self.request))
            back.start()
            _pump(self.request, server)
            back.join()


def _pump(source: socket, sink: socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(SHUT_RDWR)


class Api(ThreadingHTTPServer):
    """The SQL Admin API's two calls that a connection needs."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.requests: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    server: Api

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        addresses = [{"type": "PRIVATE", "ipAddress": "127.0.0.1"}, {"type": "PRIMARY", "ipAddress": "192.0.2.1"}]
        facts = {"region": "region", "databaseVersion": "POSTGRES_18", "ipAddresses": addresses}
        self._say({**facts, "serverCaCert": {"cert": self.server.instance.own}})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        public = serialization.load_pem_public_key(request["public_key"].encode())
        assert isinstance(public, rsa.RSAPublicKey)
        self._say({"ephemeralCert": {"cert": certificate(public, self.server.instance.key)}})

    def _say(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with Instance(tmp_path) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def api(instance: Instance) -> Iterator[Api]:
    with Api(instance) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def client(api: Api, code: str) -> str:
    """Run a process that connects as a function does; returns its output."""
    password = make_url(shared_postgres().url).password or ""
    address = f"http://127.0.0.1:{api.server_port}"
    command = [sys.executable, "-c", CLIENT + code, address, str(api.instance.server_address[1]), password]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


def test_our_connection_uses_connectors_socket(api):
    output = client(
        api,
        """
connection = Connection(**arguments(url), password=password)
cursor = connection.cursor()
cursor.execute("select %s::int + 1", (41,))
print(cursor.fetchone()[0], type(connection).__module__)
""",
    )
    assert output.split() == ["42", "infra.postgres.connection"]


def test_account_uses_token_and_one_certificate(api):
    client(api, "for _ in range(3): Connection(**arguments(url), password=password)")
    assert api.instance.dialled == 3
    assert [request["access_token"] for request in api.requests] == ["token"]


def test_silent_server_times_out_as_elsewhere(api):
    """The connector's own connections would wait without end."""
    output = client(
        api,
        """
import time
connection = Connection(**arguments(url), password=password, read_timeout=0.3)
began = time.monotonic()
try:
    connection.cursor().execute("select pg_sleep(20)")
except ConnectionLost as error:
    print(type(error).__name__, time.monotonic() - began < 5)
""",
    )
    assert output.split() == ["AnswerTimedOut", "True"]


def test_dead_connection_is_dialled_again(api):
    output = client(
        api,
        """
connection = Connection(**arguments(url), password=password)
connection._usock.close(); connection._sock.close()
cursor = connection.cursor()
cursor.execute("select 1")
print(cursor.fetchone()[0])
""",
    )
    assert output.split() == ["1"]
    assert api.instance.dialled == 2


def test_unreachable_instance_is_a_lost_connection(api):
    api.instance.own = "no certificate"
    output = client(
        api,
        """
try:
    Connection(**arguments(url), password=password)
except ConnectionLost as error:
    print(error)
""",
    )
    assert output.startswith("no connection to project:region:instance")


def test_function_loads_connector_at_start_without_threads():
    """A starting instance has more CPU than a request; a thread started before the fork would not survive it."""
    url = "postgresql://fn-auth%40project.iam@/booking?cloud_sql=project:region:instance"
    code = "import main, sys, threading; main.auth; print('google.cloud.sql.connector' in sys.modules, threading.active_count())"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=placeholders() | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split()[-2:] == ["True", "1"]
