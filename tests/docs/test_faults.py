"""docs/faults.md is complete: each fault of the stand-ins has a row, each row a test, and each test exists."""

import re
from functools import cache
from pathlib import Path

import pytest

from infra.local.cloud_tasks.faults import Faults
from infra.local.phonepe import faults as v1
from infra.local.phonepe.v2 import faults as v2
from tests.docs.test_deploy import alerts

ROOT = Path(__file__).parents[2]
TABLES = (ROOT / "docs/faults.md").read_text()
ROWS = [row for row in re.findall(r"^\| (.+) \|$", TABLES, re.MULTILINE) if "covered by" not in row]
TESTS = sorted(set(re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)(?:\[([\w-]+)\])?`", TABLES)))


@cache
def written(file: str) -> str:
    return (ROOT / "tests" / file).read_text()


def test_every_fault_of_the_stand_ins_has_a_row_and_no_other_is_named():
    named = set(re.findall(r"`((?:pay|status|refund|token|callback|tasks)\.\w+)`", TABLES))
    assert named == set(v1.CATALOGUE) | set(v2.CATALOGUE) | {f"tasks.{name}" for name in Faults.model_fields}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" | ")[0][:40])
def test_a_row_names_the_tests_that_hold_it(row: str):
    assert re.search(r"\| `\w+/test_\w+\.py::test_\w+", row), row


def test_every_alert_it_names_exists():
    named = {
        name
        for names in re.findall(r"al(?:erts?|arm) ((?:`\w+`(?:, )?)+)", TABLES)
        for name in re.findall(r"\w+", names)
    }
    assert named
    assert named <= alerts()


def test_every_test_that_is_named_is_there():
    missing = [
        f"{file}::{name}[{case}]"
        for file, name, case in TESTS
        if f"def {name}(" not in written(file)
        or not all(f'"{part}"' in written(file) for part in case.split("-") if case)
    ]
    assert (missing, len(TESTS) > 50) == ([], True)
