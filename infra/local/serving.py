"""Shared by the stand-ins: serving an application, page layout, and calls as Google's dispatchers make them."""

import signal
import threading
import time
from collections.abc import Iterable, Mapping
from socketserver import BaseServer
from typing import TYPE_CHECKING, Any, Final

import requests
from markupsafe import Markup
from werkzeug.datastructures import MIMEAccept
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, because URLs and query strings must not reach the terminal."""


def listen(app: "WSGIApplication", port: int) -> BaseWSGIServer:
    """Return a threaded server on the loopback interface; port 0 takes a free one (`.port`)."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler)


def serve_until_ended(app: "WSGIApplication", port: int) -> None:
    """Serve on the loopback interface until SIGTERM or SIGINT."""
    until_ended(listen(app, port))


def until_ended(server: BaseServer) -> None:
    """Run a server until SIGTERM or SIGINT.

    The signal handler only sets a flag: an exception could be lost in the code it interrupts, and that code may already
    have a lock the handler needs.
    """
    ended: list[int] = []
    for ending in (signal.SIGTERM, signal.SIGINT):  # a shell's background job starts with SIGINT ignored
        signal.signal(ending, lambda number, _: ended.append(number))
    serving = threading.Thread(target=server.serve_forever, args=(0.1,))
    serving.start()
    while not ended and serving.is_alive():
        time.sleep(0.1)
    server.shutdown()
    serving.join()


def call_directly(method: str, url: str, *, timeout: float, **wanted: Any) -> requests.Response:
    """Send one request on a new connection, as Google's dispatchers do: no proxy, no redirect followed.

    Raises requests.RequestException; `timeout` is seconds.
    """
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=timeout, allow_redirects=False, **wanted)


def wants_page(accepted: MIMEAccept) -> bool:
    """Tell whether a client prefers HTML: browsers get a page, programs get JSON at the same URL."""
    return accepted["text/html"] > accepted["application/json"]


def page(title: str, inside: Markup) -> str:
    """Return an HTML page in the common style; `title` is also its heading."""
    return _PAGE.format(title=title, style=_STYLE, inside=inside)


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Markup:
    """Return rows as an HTML table; values are escaped unless they are Markup."""
    names = list(columns)
    head = _each(Markup("<th>{}</th>"), (name.replace("_", " ").capitalize() for name in names))
    cells = (_each(Markup("<td>{}</td>"), (_shown(row.get(name)) for name in names)) for row in rows)
    body = _each(Markup("<tr>{}</tr>"), cells) or Markup("<tr><td>Nothing yet.</td></tr>")
    return _TABLE.format(head=head, body=body)


def moment(at: str | None) -> str | None:
    """Format an ISO 8601 time to the second, for reading; the page shows the time zone elsewhere."""
    return at and at[:19].replace("T", " ")


def _each(pattern: Markup, values: Iterable[Any]) -> Markup:
    return Markup().join(pattern.format(value) for value in values)


def _shown(value: Any) -> Any:
    return "–" if value is None else value


_STYLE: Final = Markup(
    """
    :root { --ink: #1c1917; --soft: #6b645f; --line: #e7e5e4; --ground: #fff7ed; --card: #fff; --brand: #c2410c; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #f5f5f4; --soft: #a8a29e; --line: #44403c; --ground: #1c1917; --card: #292524; --brand: #fb923c; }
    }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
    main { width: min(100% - 2rem, 64rem); margin: 2rem auto; }
    h1, a { color: var(--brand); }
    h1, h2 { line-height: 1.3; overflow-wrap: anywhere; }
    h1 { font-size: 1.5rem; }
    h2 { font-size: 1.125rem; }
    nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
    nav a { padding: .25rem 0; }
    :focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
    code { padding: .1em .3em; border-radius: .25rem; background: var(--line); font-size: .875em; white-space: normal;
           overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); }
    table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
    th, td { padding: .6rem 1rem; border-top: 1px solid var(--line); text-align: left; white-space: nowrap; }
    th { border: 0; color: var(--soft); font-weight: 500; }
    @media (max-width: 40rem) { th, td { padding: .5rem; } td code { padding: 0; background: none; } }
    form { margin: 0; }
    button { padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent;
             color: inherit; font: inherit; cursor: pointer; }
    ul.mails { padding: 0; list-style: none; }
    .mails li { padding: .75rem 0; border-top: 1px solid var(--line); }
    .mails a { display: block; font-weight: 600; text-decoration: none; }
    .mails small, dt { color: var(--soft); overflow-wrap: anywhere; }
    dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; }
    dd { margin: 0; overflow-wrap: anywhere; }
    pre, iframe { box-sizing: border-box; width: 100%; border: 1px solid var(--line); border-radius: .75rem; }
    pre { padding: 1rem; background: var(--card); white-space: pre-wrap; overflow-wrap: anywhere; }
    iframe { height: 42rem; background: #fff; resize: vertical; }
"""
)
_TABLE: Final = Markup(
    '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
)
_PAGE: Final = Markup(
    """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <style>{style}</style>
</head>
<body>
<main>
<nav><a href="/">Start</a> <a href="/_local/mail">Mails</a> <a href="/_local/payments">Payments</a>
<a href="/_local/tasks">Tasks</a> <a href="/_local/jobs">Jobs</a></nav>
<h1>{title}</h1>
{inside}
</main>
</body>
</html>
"""
)
