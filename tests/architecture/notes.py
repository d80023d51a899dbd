"""A noun with one endpoint, which takes a body and fails."""

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.schemas import Body

routes = Routes("/notes")


class Note(Body):
    text: str


@routes.post("", body=Note)
def write(_: Call, body: Note) -> None:
    raise RuntimeError(body.text)
