from flask import Response

from functions.web.call import Call
from functions.web.endpoint import Routes
from functions.web.responses import json_response

routes = Routes("", documented=False)


@routes.get("/health")
def health(_: Call) -> Response:
    """Report that the process is up."""
    return json_response('{"status":"ok"}', 200)
