"""Each function imports only its own tables, and every table they reference."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.probe import placeholders

ROOT = Path(__file__).parents[2]
TARGETS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/__init__.py"))
CONFIGURE = """
import importlib, sys
importlib.import_module(sys.argv[1])
from sqlalchemy.orm import configure_mappers
from shared.kit.base import Base
configure_mappers()
print(*[table.name for table in Base.metadata.sorted_tables])
"""


def tables_of(target: str) -> set[str]:
    """Import a target alone, as its function does; returns its tables."""
    environ = os.environ | placeholders()
    command = [sys.executable, "-W", "error::sqlalchemy.exc.SAWarning", "-c", CONFIGURE, target]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("target", TARGETS)
def test_every_foreign_key_of_a_function_alone_finds_its_table(target):
    tables_of(f"functions.{target}")


def test_loading_a_line_by_name_loads_its_tables():
    tables = tables_of("shared.lines.home_chef.line")
    assert {"bookings", "appointments", "offers", "addresses", "users"} <= tables
