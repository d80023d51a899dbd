"""The documents for engineers name commands, files and settings that exist."""

import re
import tomllib
from pathlib import Path

import pytest

from shared.kit.settings import Settings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
FILE = re.compile(r"`((?:functions|shared|infra|tests|docs|terraform)/[\w./-]+\.\w+|[\w.]+\.(?:md|toml|example))`")
FOLDER = re.compile(r"`((?:functions|shared|infra|tests|docs|terraform)/[\w/-]+)`")
SETTING = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(text: str) -> set[str]:
    return set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))


def test_every_command_of_the_guide_is_a_make_target():
    assert len(commands(GUIDE)) > 15
    assert commands(GUIDE) - targets() == set()


def test_every_check_of_make_check_is_explained():
    [steps] = re.findall(r"^check: (.+?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(steps.split()) <= commands(GUIDE)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md", "docs/product.md", "docs/architecture.md"])
def test_every_file_a_document_names_exists(document: str):
    named = FILE.findall((ROOT / document).read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_of_the_guide_exists():
    named = FOLDER.findall(GUIDE)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_dir()] == []


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/product.md"])
def test_every_setting_a_document_names_exists(document: str):
    named = {name.lower() for name in SETTING.findall((ROOT / document).read_text())}
    assert len(named) > 4
    assert named - Settings.names() == set()


def test_the_guide_needs_the_python_that_the_project_needs():
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"Python {needed.removeprefix('>=')} or newer" in GUIDE
