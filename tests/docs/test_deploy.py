"""docs/deploy.md is correct: its names exist, its statements run, its sums add up."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from shared.kit.settings import Settings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/deploy.md").read_text()
MONITORING = ROOT / "terraform/modules/monitoring"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    [found] = re.findall(rf"^## \d\. {re.escape(title)}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return found


def alerts() -> set[str]:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section("Alerts"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("script", blocks("sh"), ids=lambda script: script.splitlines()[0][:40])
def test_a_block_of_commands_is_one_that_a_shell_reads(script: str):
    ran = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_module_and_every_target_it_runs_is_there():
    modules = set(re.findall(r"python -m ([\w.]+)", GUIDE))
    assert modules == {"infra.admin", "infra.release.smoke"}
    assert all(find_spec(name) for name in modules)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = set(re.findall(r"(?:^|`)make (\w+)", GUIDE, re.MULTILINE))
    assert {"bundles", "check"} <= made <= targets


def test_every_file_and_every_test_it_names_is_there():
    files = set(re.findall(r"(?:tests|docs|terraform)/[\w/]+\.(?:py|md|yaml)", GUIDE))
    assert files
    assert [name for name in files if not (ROOT / name).exists()] == []
    written = "".join((ROOT / name).read_text() for name in files if name.startswith("tests/"))
    named = set(re.findall(r"`(test_\w+)`", GUIDE))
    assert len(named) == 6
    assert [name for name in named if f"def {name}(" not in written] == []


def test_every_key_that_is_rotated_is_a_setting_that_holds_several():
    rotated = re.findall(r"^\| `([A-Z_]+_KEYS)`", GUIDE, re.MULTILINE)
    several = {name for name in Settings.names() if "Keys" in str(Settings.__annotations__[name])}
    assert {name.lower() for name in rotated} == several


@pytest.mark.parametrize("statement", [each for block in blocks("sql") for each in block.split(";\n") if each.strip()])
def test_what_a_restored_database_must_never_hold_is_asked_in_statements_that_run(db, statement: str):
    with db.reading() as session:
        assert session.execute(text(statement)).all() == []


def test_every_alarm_of_the_code_has_its_line():
    written = "".join(path.read_text() for room in ("shared", "infra") for path in (ROOT / room).rglob("*.py"))
    assert set(re.findall(r'alarm="(\w+)"', written)) <= alerts()


def test_every_alert_has_its_line_and_no_other():
    if not MONITORING.exists():
        pytest.skip("there is no Terraform configuration yet")
    thresholds = re.search(
        r"^  thresholds = {\n(.*?)^  }", (MONITORING / "alerts.tf").read_text(), re.MULTILINE | re.DOTALL
    )
    assert thresholds
    named = set(re.findall(r"^    (\w+) = {", thresholds[1], re.MULTILINE))
    alarms = set(yaml.safe_load((MONITORING / "alarms.yaml").read_text()))
    assert alerts() == named | alarms | {"jobs"}


def test_the_months_cost_is_the_sum_of_its_lines():
    lines = section("What 100,000 bookings a month cost")
    costs = [float(cost) for cost in re.findall(r"^\| [^*].*\| ([\d.]+) \|$", lines, re.MULTILINE)]
    [total] = re.findall(r"platform, with Cloud SQL\*\* \| \| \*\*≈ (\d+)\*\*", lines)
    assert len(costs) == 14
    assert round(sum(costs)) == int(total)
