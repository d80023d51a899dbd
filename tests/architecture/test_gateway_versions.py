"""A deployment with one gateway version needs no settings of the other and loads none of its code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.probe import placeholders

ROOT = Path(__file__).parents[2]
OF = {
    "v1": {"PHONEPE_SALT_KEYS"},
    "v2": {"PHONEPE_CLIENT_ID", "PHONEPE_CLIENT_VERSION", "PHONEPE_CLIENT_SECRET", "PHONEPE_WEBHOOK_KEYS"},
}
OTHER = {"v1": "v2", "v2": "v1"}


def loaded(target: str, **environ: str | None) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in (placeholders() | environ).items() if value is not None}
    code = f"import main, json, sys; main.{target}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", code]
    env |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)


@pytest.mark.parametrize("version", OF)
def test_with_one_versions_settings_alone_a_function_starts_and_loads_nothing_of_the_other(version):
    ran = loaded("payments", PHONEPE_API=version, **dict.fromkeys(OF[OTHER[version]]))
    assert ran.returncode == 0, ran.stderr
    modules = json.loads(ran.stdout.splitlines()[-1])
    assert not [name for name in modules if name.startswith(f"infra.phonepe.{OTHER[version]}")]


@pytest.mark.parametrize(
    ("target", "version", "named"),
    [
        ("payments", "v2", "PHONEPE_CLIENT_ID, PHONEPE_CLIENT_SECRET, PHONEPE_CLIENT_VERSION"),
        ("callback", "v2", "PHONEPE_WEBHOOK_KEYS"),
    ],
)
def test_without_its_own_settings_it_says_which_and_does_not_start(target, version, named):
    ran = loaded(target, PHONEPE_API=version, **dict.fromkeys(OF[version]))
    assert ran.returncode != 0
    assert f"missing: {named}\n" in ran.stderr
