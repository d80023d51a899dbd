"""The document's words beyond the declarations: the texts and samples of words.yaml."""

from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
WORDS: Json = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
