"""The API's own description, generated from the code at build time, and pages to try it on."""

from functions.docs import explorer
from functions.serving import serve

docs = serve("docs", {"/api/v1/openapi.json": ["functions.docs.document"]}, pages=[explorer.pages])
