"""The OpenAPI document, generated from the code at build time, and a page to try the API."""

from functions.web.app import serve

ROUTES = {
    "/api/v1/openapi.json": {"GET": "functions.docs.document"},
    "/api/v1/docs": {"GET": "functions.docs.explorer"},
    "/api/v1/docs/{name}": {"GET": "functions.docs.explorer"},
}

docs = serve("docs", ROUTES)
