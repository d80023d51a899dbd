import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import make_url

from infra.postgres.address import arguments
from infra.postgres.connection import AnswerTimedOut, Connection, ConnectionLost
from tests.postgres_server import at_port, shared_postgres

ROOT = Path(__file__).parents[2]


def test_url_is_parsed_with_escapes_and_defaults() -> None:
    assert arguments("postgresql://me:p%40ss%2Fword@127.0.0.1/shop?application_name=x") == {
        "user": "me",
        "password": "p@ss/word",
        "host": "127.0.0.1",
        "port": 5432,
        "database": "shop",
        "application_name": "x",
        "ssl_context": False,
    }


def test_socket_folder_is_a_host_without_tls() -> None:
    read = arguments("postgresql://me:secret@/shop?host=/cloudsql/project:region:instance")
    assert (read["host"], read["port"], read["ssl_context"]) == ("/cloudsql/project:region:instance", 5432, False)


@pytest.mark.parametrize(
    "query", ["", "?sslmode=require", "?sslmode=verify-full", "?sslmode=require&channel_binding=require"]
)
def test_remote_host_must_prove_its_name(query: str) -> None:
    context = arguments(f"postgresql://me:secret@db.example/shop{query}")["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_plain_text_to_remote_host_must_be_requested() -> None:
    assert arguments("postgresql://me:secret@10.0.0.2/shop?sslmode=disable")["ssl_context"] is False


# the handshake; the embedded server is built without TLS, so a relay adds it


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def tls_url(certificate: Path) -> Iterator[str]:
    url = shared_postgres().url
    with tls_relay(certificate, make_url(url).port or 0) as port:
        yield f"{at_port(url, port)}?sslrootcert={certificate}"


@contextmanager
def tls_relay(certificate: Path, target: int) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    threads: list[threading.Thread] = []

    def spawn(run: object, *arguments: object) -> None:
        threads.append(threading.Thread(target=run, args=arguments))
        threads[-1].start()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                relay(listener.accept()[0])

    def relay(client: socket.socket) -> None:
        with client:
            client.recv(8)  # SSLRequest
            client.sendall(b"S")
            with (
                suppress(OSError),
                context.wrap_socket(client, server_side=True) as secured,
                socket.create_connection(("127.0.0.1", target)) as server,
            ):
                spawn(pump, server, secured)
                pump(secured, server)
                threads[-1].join(5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        spawn(serve)
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(5)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_certificate_of_known_authority_is_accepted(tls_url: str, mode: str) -> None:
    with closing(Connection(**arguments(f"{tls_url}&sslmode={mode}"), read_timeout=0.5)) as connection:
        cursor = connection.cursor()
        cursor.execute("select %s::text", ("x" * 100_000,))
        assert cursor.fetchone() == ["x" * 100_000]
        with pytest.raises(AnswerTimedOut):
            cursor.execute("select pg_sleep(%s)", (5,))


def test_certificate_of_unknown_authority_is_refused(tls_url: str) -> None:
    with pytest.raises(ConnectionLost) as caught:
        Connection(**arguments(f"{tls_url.partition('?')[0]}?sslmode=require"))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_plain_database_does_not_load_googles_connector() -> None:
    url = "postgresql://me:secret@db.example/shop"
    code = f"import sys; from infra.postgres.address import arguments; arguments({url!r}); print('google.cloud.sql.connector' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_instance_uses_connector_without_password() -> None:
    url = "postgresql://fn-auth%40project.iam@/booking?cloud_sql=project:region:instance"
    code = f"import sys; from infra.postgres.address import arguments; arguments({url!r})"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 or "No module named 'google.cloud.sql'" in ran.stderr
