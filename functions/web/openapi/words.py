"""Loads words.yaml: the document's texts and samples that the code does not declare."""

from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
WORDS: Json = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
