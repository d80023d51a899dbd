"""The embedded Postgres has production's major version."""

from contextlib import closing
from pathlib import Path

import yaml

from tests.postgres_server import plain_connection, shared_postgres

LIST = Path(__file__).parents[2] / "terraform/functions.yaml"


def test_the_embedded_postgres_is_of_the_major_that_production_pins():
    with closing(plain_connection(shared_postgres().url)) as connection:
        [[number]] = connection.run("select current_setting('server_version_num')::int / 10000")
    assert number == yaml.safe_load(LIST.read_text())["versions"]["postgres"]
