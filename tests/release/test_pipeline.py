"""cloudbuild.yaml is valid for Cloud Build, runs in a release's order, and refers only to existing things."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
BUILD: dict[str, Any] = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS = {step["id"]: step for step in BUILD["steps"]}
GIVEN_BY_CLOUD_BUILD = {"PROJECT_ID"}
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
SECONDS = {"type": "string", "pattern": r"^\d+s$"}


def a(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


# The documented schema used here (cloud.google.com/build/docs/build-config-file-schema): a step with `script`
# has neither `args` nor `entrypoint`; names of custom substitutions begin with an underscore.
STEP = a(
    {"id": TEXT, "name": TEXT, "script": TEXT, "env": TEXTS, "waitFor": TEXTS, "timeout": SECONDS},
    "id",
    "name",
    "script",
)
SCHEMA = a(
    {
        "steps": {"type": "array", "items": STEP, "minItems": 1},
        "timeout": SECONDS,
        "substitutions": {
            "type": "object",
            "propertyNames": {"pattern": "^_[A-Z][A-Z0-9_]*$"},
            "additionalProperties": TEXT,
        },
        "options": a(
            {
                "automapSubstitutions": {"const": True},
                "env": {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z_]+=.*$"}},
                "logging": {"enum": ["CLOUD_LOGGING_ONLY", "GCS_ONLY", "LEGACY", "NONE"]},
                "machineType": {"enum": ["E2_MEDIUM", "E2_HIGHCPU_8", "E2_HIGHCPU_32", "UNSPECIFIED"]},
            },
            "logging",  # a build with its own service account must set its logging
        ),
    },
    "steps",
    "options",
)


def test_pipeline_is_valid_for_cloud_build():
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(BUILD)] == []


def test_release_steps_are_in_order():
    """Fails when traffic moves before the schema, or an unchecked source is deployed."""
    assert list(STEPS) == ["history", "check", "bundles", "plan", "migrate-function", "migrate", "deploy", "smoke"]
    assert len(STEPS) == len(BUILD["steps"])
    assert not any("waitFor" in step for step in BUILD["steps"])  # one after the other


@pytest.mark.parametrize("step", STEPS)
def test_every_script_parses_in_a_shell(step: str):
    ran = subprocess.run(["sh", "-n"], input=STEPS[step]["script"], text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("step", STEPS)
def test_scripts_stop_at_first_failing_command(step: str):
    lines = STEPS[step]["script"].strip().splitlines()
    assert len(lines) == 1 or lines[0] == "set -e"


def test_check_is_the_gate_and_bundles_match_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert BUILD["substitutions"]["_GATE"] == ".ci/run"
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("make check")
    assert {target for step in STEPS.values() for target in re.findall(r"make (\w+)", step["script"])} <= targets


def test_every_module_it_runs_exists():
    modules = [name for step in STEPS.values() for name in re.findall(r"-m ([\w.]+)", step["script"])]
    assert modules == ["infra.release.migrate", "infra.release.smoke"]
    assert all(find_spec(name) for name in modules)


def test_every_substitution_is_defined():
    known = GIVEN_BY_CLOUD_BUILD | set(BUILD["substitutions"]) | {"CLOUD_TASKS_LOCATION"}
    used = {name for step in STEPS.values() for name in re.findall(r"\$\{?(\w+)", step["script"])}
    assert used <= known
    assert set(BUILD["substitutions"]) <= used


def test_deployments_are_limited_and_migration_runs_first():
    applied = {name: step["script"] for name, step in STEPS.items() if " apply " in step["script"]}
    assert list(applied) == ["migrate-function", "deploy"]
    assert re.findall(r"-target='(.*)'", applied["migrate-function"]) == ['module.function["migrate"]']
    assert "-target" not in applied["deploy"]
    assert "-parallelism=4" in applied["deploy"]


def test_terraform_has_every_requested_output():
    outputs = ROOT / "terraform/outputs.tf"
    if not outputs.exists():
        pytest.skip("there is no Terraform configuration yet")
    asked = {name for step in STEPS.values() for name in re.findall(r"output -json (\w+)", step["script"])}
    assert asked == {"migration", "urls"}
    assert asked <= set(re.findall(r'^output "(\w+)"', outputs.read_text(), re.MULTILINE))
    assert (ROOT / f"terraform/environments/{BUILD['substitutions']['_ENVIRONMENT']}.tfvars").exists()
