"""The Terraform configuration is valid, and its plan passes every assertion of terraform/tests/*.tftest.hcl.

Run by `$TERRAFORM_CHECK terraform` where that is set (it knows the providers' schema without a registry), else by
terraform itself, which must reach the registry.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "terraform/tests").glob("*.tftest.hcl"))
ENVIRONMENTS = sorted((ROOT / "terraform/environments").glob("*.tfvars"))
PLANNED = """
mock_provider "google" {{}}

variables {{
  manifest = "tests/fixtures/manifest.json"
{values}
}}

run "{name}" {{
  command = plan
}}
"""
RUN = re.compile(r'^run "(\w+)"', re.MULTILINE)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker's output for a copy of the configuration, because it leaves folders behind."""
    checker = os.environ.get("TERRAFORM_CHECK")
    if not checker and not shutil.which("terraform"):
        pytest.skip("neither TERRAFORM_CHECK nor terraform: the plan is not tested")
    copy = tmp_path_factory.mktemp("configuration") / "terraform"
    shutil.copytree(ROOT / "terraform", copy, ignore=shutil.ignore_patterns(".terraform*"))
    for path in ENVIRONMENTS:
        planned = PLANNED.format(name=path.stem, values=path.read_text())
        (copy / "tests" / f"{path.stem}.tftest.hcl").write_text(planned)
    if not checker:
        init = subprocess.run(
            ["terraform", "init", "-backend=false", "-input=false"],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        if init.returncode:
            pytest.skip(
                "the provider registry cannot be reached and TERRAFORM_CHECK is not set: the plan is not tested"
            )
    subprocess.run(["terraform", "fmt", "tests"], cwd=copy, capture_output=True, check=False)
    command = [checker, str(copy)] if checker else ["terraform", "test", "-no-color"]
    ran = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ran.stdout + ran.stderr)
    assert ran.returncode == 0, plain[-8000:]
    return plain


def test_every_run_of_every_file_has_passed(output):
    for path in FILES:
        assert f"tests/{path.name}... pass" in output
        for name in RUN.findall(path.read_text()):
            assert f'run "{name}"... pass' in output


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_each_environment_can_be_planned(output, path):
    assert f'run "{path.stem}"... pass' in output


def test_no_file_has_failed_or_been_skipped(output):
    assert not re.search(r"\.\.\. (fail|skip)", output)
