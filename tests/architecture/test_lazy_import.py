"""Modules that are imported while a request waits."""

import gc
import sys
from pathlib import Path

import pytest

from shared.kit.lazy_import import load, load_object


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "met_late.py").write_text("import gc\ncollected = gc.isenabled()\nmade = [[] for _ in range(1000)]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "met_late", raising=False)
    return "met_late"


def test_a_module_is_loaded_with_the_collector_off_and_what_it_made_is_frozen(module: str) -> None:
    frozen = gc.get_freeze_count()
    assert load(module).collected is False
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + 1000


def test_what_is_loaded_already_freezes_nothing_more(module: str) -> None:
    """Fails when each message of a queue freezes what its request is made of: none of that would ever be freed."""
    load(module)
    frozen = gc.get_freeze_count()
    assert load_object(f"{module}:collected") is False
    assert gc.get_freeze_count() <= frozen


def test_a_module_that_fails_to_load_leaves_the_collector_on(module: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        load(f"{module}_not")
    assert gc.isenabled()
