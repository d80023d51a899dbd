"""A page to try the API: Swagger UI with this deployment's document, all of it from the same origin."""

from importlib.util import find_spec
from pathlib import Path

from flask import Response
from werkzeug.exceptions import NotFound

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.responses import not_modified

routes = Routes("/api/v1/docs", documented=False)
HERE = Path(__file__).parent
# Only the package's built files are used; its code is never imported.
PACKAGE = find_spec("flask_swagger_ui")
assert PACKAGE is not None, "it is among the requirements"  # noqa: S101
assert PACKAGE.origin is not None  # noqa: S101 - a package that is a folder of files
BUILT = Path(PACKAGE.origin).parent / "dist"
FILES = {
    "start.js": (HERE, "text/javascript"),
    "page.css": (HERE, "text/css"),
    "swagger-ui-bundle.js": (BUILT, "text/javascript"),
    "swagger-ui.css": (BUILT, "text/css"),
    "favicon-32x32.png": (BUILT, "image/png"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@routes.get("")
def page(call: Call) -> Response:
    """Return the page; its Content-Security-Policy allows requests to this origin only."""
    response = _file(call, HERE / "explorer.html", "text/html", seconds=300)
    response.headers["Content-Security-Policy"] = POLICY
    return response


@routes.get("/{name}")
def part(call: Call, name: str) -> Response:
    """Return one of the files the page is made of."""
    if name not in FILES:
        raise NotFound
    folder, content_type = FILES[name]
    return _file(call, folder / name, content_type, seconds=86_400)


def _file(call: Call, path: Path, content_type: str, seconds: int) -> Response:
    response = Response(path.read_bytes(), mimetype=content_type)
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.add_etag()
    not_modified(response, call.request)
    return response
