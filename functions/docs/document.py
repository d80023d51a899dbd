from pathlib import Path

from flask import Response

from functions.web.call import Call
from functions.web.endpoint import Routes

routes = Routes("/api/v1")
DOCUMENT = Path(__file__).with_name("openapi.json")


@routes.get("/openapi.json")
def openapi(_: Call) -> Response:
    """Give the OpenAPI 3.1 document of the whole API."""
    response = Response(DOCUMENT.read_bytes(), content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
