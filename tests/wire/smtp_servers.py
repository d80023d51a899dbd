"""SMTP servers on free ports, each with its handler."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiosmtpd.controller import Controller


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def smtp_server(handler: object, **options: object) -> Iterator[int]:
    controller = AnyPort(handler, hostname="127.0.0.1", port=0, server_hostname="test", **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
