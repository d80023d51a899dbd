"""The OpenAPI document, generated from the code at build time, and a page to try the API."""

from pathlib import Path

from functions import wiring
from functions.web.api_document import unknown_lines
from functions.web.app import serve
from shared.kit.settings import SettingsError

ROUTES = {
    "/api/v1/openapi.json": {"GET": "functions.docs.document"},
    "/api/v1/docs": {"GET": "functions.docs.explorer"},
    "/api/v1/docs/{name}": {"GET": "functions.docs.explorer"},
}

PARTS = Path(__file__).parent / "openapi"

docs = serve("docs", ROUTES)
if unknown := unknown_lines(PARTS, wiring.settings().lines):  # this function ships no line that could be looked for
    raise SettingsError(f"LINES names no line: {', '.join(unknown)}")
