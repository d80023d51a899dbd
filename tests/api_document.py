"""The API's document with every line of business, as the docs function serves it."""

from pathlib import Path
from typing import Any

from functions.web.api_document import merged

PARTS = Path(__file__).parents[1] / "functions" / "docs" / "openapi"
DOCUMENT: dict[str, Any] = merged(PARTS, ["all"])
