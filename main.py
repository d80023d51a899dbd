"""The entry point of every function: target `x` is `functions.x.x`, imported only when it is asked for.

The collector is off while modules load and they are frozen afterwards: nothing loaded here is ever garbage, and looking
through it costs a tenth of a cold start.
"""

import gc
import importlib
from types import FunctionType


def __getattr__(target: str) -> FunctionType:
    if target.startswith("_"):
        raise AttributeError(target)
    gc.disable()
    try:
        module = importlib.import_module(f"functions.{target}")
        function: FunctionType = getattr(module, target)
    except ModuleNotFoundError as error:
        if error.name != f"functions.{target}":
            raise
        raise AttributeError(f"there is no function {target!r}") from error
    finally:
        gc.freeze()
        gc.enable()
    return function
