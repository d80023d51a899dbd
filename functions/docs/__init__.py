"""The API's own description, generated from the code at build time, and pages to try it on."""

from functions.docs import document, explorer
from functions.web import serve

docs = serve("docs", [document.routes], pages=[explorer.pages])
