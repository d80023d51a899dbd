"""Request bodies: read once, before anything else, up to a limit."""

from io import BytesIO

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

MAX_BODY = 1024 * 1024  # bytes
PIECE = 64 * 1024
TOO_LARGE = "booking.body_too_large"


def buffer_body(request: Request) -> None:
    """Read the whole body and keep at most MAX_BODY bytes of it for the request's `get_data`.

    functions-framework reads the unread rest of a body without a limit: eight bodies of 30 MB took 267 MiB. The excess
    is read and dropped, because a client whose connection closes early loses the response. Raises BadRequest for a body
    that is not framed as HTTP says.
    """
    environ = request.environ
    stream, kept, size = get_input_stream(environ, max_content_length=None), bytearray(), 0
    try:
        while piece := stream.read(PIECE):
            size += len(piece)
            if size <= MAX_BODY:
                kept += piece
    except OSError as error:  # the server's: a broken chunk, a closed connection
        raise BadRequest("The body could not be read.") from error
    finally:
        environ["wsgi.input"], environ["wsgi.input_terminated"] = BytesIO(kept), True
        environ[TOO_LARGE] = size > MAX_BODY


def body_of(request: Request) -> bytes:
    """Return the raw body. Raises RequestEntityTooLarge for more than MAX_BODY bytes."""
    if request.environ[TOO_LARGE]:
        raise RequestEntityTooLarge
    return request.get_data()
