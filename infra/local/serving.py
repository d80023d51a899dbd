"""What the stand-ins have in common: serving an application, the look of their pages, a call as Google's dispatchers make."""

import signal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import requests
from markupsafe import Markup
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep addresses and query strings out of the terminal."""


def listen(app: "WSGIApplication", port: int) -> BaseWSGIServer:
    """Return a threaded server on the loopback interface; port 0 takes a free one (`.port`)."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler)


def serve_until_ended(app: "WSGIApplication", port: int) -> None:
    """Serve on the loopback interface until SIGTERM or SIGINT."""
    for ending in (signal.SIGTERM, signal.SIGINT):  # a shell's background job starts with SIGINT ignored
        signal.signal(ending, signal.default_int_handler)
    listen(app, port).serve_forever(poll_interval=0.1)


def call_directly(method: str, url: str, *, timeout: float, **wanted: Any) -> requests.Response:
    """Send one request as Google's dispatchers do, on a connection of its own: no proxy, no redirect followed.

    Raises requests.RequestException; `timeout` is seconds.
    """
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=timeout, allow_redirects=False, **wanted)


def page(title: str, inside: Markup) -> str:
    """Return an HTML page in the one style, `title` its heading."""
    return _PAGE.format(title=title, style=_STYLE, inside=inside)


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Markup:
    """Return rows as an HTML table; values are escaped unless they are Markup."""
    names = list(columns)
    head = _each(Markup("<th>{}</th>"), (name.replace("_", " ").capitalize() for name in names))
    cells = (_each(Markup("<td>{}</td>"), (_shown(row.get(name)) for name in names)) for row in rows)
    body = _each(Markup("<tr>{}</tr>"), cells) or Markup("<tr><td>Nothing yet.</td></tr>")
    return _TABLE.format(head=head, body=body)


def _each(pattern: Markup, values: Iterable[Any]) -> Markup:
    return Markup().join(pattern.format(value) for value in values)


def _shown(value: Any) -> Any:
    return "–" if value is None else value


_STYLE: Final = Markup(
    """
    :root { --ink: #1c1917; --soft: #78716c; --line: #e7e5e4; --ground: #fff7ed; --card: #fff; --brand: #c2410c; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #f5f5f4; --soft: #a8a29e; --line: #44403c; --ground: #1c1917; --card: #292524; --brand: #fb923c; }
    }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
    main { width: min(100% - 2rem, 64rem); margin: 2rem auto; }
    h1, a { color: var(--brand); }
    h1 { font-size: 1.5rem; }
    code { padding: .1em .3em; border-radius: .25rem; background: var(--line); white-space: normal; }
    .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 1rem; background: var(--card); }
    table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
    th, td { padding: .6rem 1rem; border-top: 1px solid var(--line); text-align: left; white-space: nowrap; }
    th { border: 0; color: var(--soft); font-weight: 500; }
    form { margin: 0; }
    button { padding: .25rem .75rem; border: 1px solid var(--line); border-radius: .5rem; background: transparent;
             color: inherit; font: inherit; cursor: pointer; }
"""
)
_TABLE: Final = Markup('<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')
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
<h1>{title}</h1>
{inside}
</main>
</body>
</html>
"""
)
