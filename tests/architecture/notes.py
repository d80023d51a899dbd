"""A route module for tests: a handler that fails, a PATCH for two roles, a response with an ETag, a stream."""

from collections.abc import Iterator

from flask import Response

from functions.web.call import Call
from functions.web.endpoint import Routes
from shared.kit.schemas import Body, View

routes = Routes("/notes")
TABLE = {
    "/notes": {"POST": __name__},
    "/notes/kept": {"GET": __name__},
    "/notes/streamed": {"GET": __name__},
    "/notes/{name}": {"PATCH": __name__},
}


class Note(Body):
    text: str


class NoteView(View):
    text: str


@routes.post("", body=Note)
def write(_: Call, body: Note) -> None:
    raise RuntimeError(body.text)


@routes.get("/kept", answer=NoteView, etag=True)
def kept(_: Call) -> NoteView:
    return NoteView(text="the same each time")


@routes.get("/streamed")
def streamed(_: Call) -> Response:
    def pieces() -> Iterator[str]:
        yield "one, "
        yield "two"

    return Response(pieces())


@routes.patch("/{name}", role=("writer", "editor"), body=Note, answer=NoteView)
def change(call: Call, name: str, body: Note) -> NoteView:
    with call.reading() as (_, caller):
        return NoteView(text=f"{name}: {body.text} by a {caller.role}")
