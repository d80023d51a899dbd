"""The API's own description: generated from the code at build time, served as it is."""

from functions.docs import document
from functions.web import serve

docs = serve("docs", [document.routes])
