"""The entry point of every function: target `x` is `functions.x.x`, imported only when it is asked for."""

from types import FunctionType

from shared.kit.loading import load


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
