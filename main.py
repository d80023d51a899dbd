"""The entry point of every function: target `x` is `functions.x.x`, imported only when requested."""

import os
from types import FunctionType

from shared.kit.lazy_import import load

os.environ.setdefault(
    "PYDANTIC_DISABLE_PLUGINS", "__all__"
)  # pydantic would read the metadata of every library for plugins, and there are none


def __getattr__(target: str) -> FunctionType:
    if target.startswith("_"):
        raise AttributeError(target)
    try:
        function: FunctionType = getattr(load(f"functions.{target}"), target)
    except ModuleNotFoundError as error:
        if error.name != f"functions.{target}":
            raise
        raise AttributeError(f"there is no function {target!r}") from error
    return function
