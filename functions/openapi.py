"""The OpenAPI 3.1 document of the whole API, made from what the endpoints declare.

`python -m functions.openapi` writes functions/docs/openapi.json, which the docs function serves as it is; with `--check`
it writes nothing and exits 1 when the file is not what the code says. A tool of the build: no function imports it.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from functions import problems
from functions.openapi_parts import COMPONENTS, DESCRIPTION, EXAMPLES, MethodNotAllowed, TooLarge, Unexpected, by_hand
from functions.web import Endpoint
from shared.idempotency.queries import KeyReused
from shared.kit.errors import DependencyDown, Forbidden, Invalid, Refusal
from shared.kit.settings import Settings
from shared.sign_in.tokens import InvalidToken

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "functions" / "docs" / "openapi.json"
Json = dict[str, Any]
Mode = Literal["validation", "serialization"]
