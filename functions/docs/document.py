import json
from functools import cache

from flask import Response

from functions import wiring
from functions.docs import PARTS
from functions.web.api_document import merged
from functions.web.call import Call
from functions.web.endpoint import Routes

routes = Routes("/api/v1")


@routes.get("/openapi.json")
def openapi(_: Call) -> Response:
    """Return the OpenAPI 3.1 document of this deployment: the core and the lines it runs."""
    response = Response(_document(), content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@cache
def _document() -> bytes:
    return json.dumps(merged(PARTS, wiring.settings().lines), indent=2, ensure_ascii=False).encode() + b"\n"
