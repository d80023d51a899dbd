"""Importing while a request waits."""

import gc
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def load(module: str) -> ModuleType:
    """Import a module, the first time with the collector off, and freeze what that made: none of it is ever garbage.

    Looking through it costs a tenth of a cold start. Raises ImportError as importing does.
    """
    if module in sys.modules:
        return import_module(module)
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def named(address: str) -> Any:
    """Return what `module:name` names."""
    module, _, name = address.partition(":")
    return getattr(load(module), name)
