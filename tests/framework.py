"""Functions in this process: their settings, and their app inside functions-framework's Flask application."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import functions_framework
import pytest
from flask import Flask
from flask.testing import FlaskClient

from functions.web.app import App
from tests.architecture.probe import placeholders


def framed(app: App) -> Flask:
    framework = Flask(app.name, static_folder=None)
    app.handle_errors_of(framework)
    functions_framework._configure_app(framework, app.respond, "http")
    return framework


def client(app: App) -> FlaskClient:
    return framed(app).test_client()


@contextmanager
def placeholder_settings(**more: str) -> Iterator[pytest.MonkeyPatch]:
    """Give the functions settings that start each of them; undo what they cached and configured at the end."""
    from functions import gateways, wiring

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    cached = [each for each in (vars(wiring) | vars(gateways)).values() if hasattr(each, "cache_clear")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (placeholders() | more).items():
            patch.setenv(name, value)
        for each in cached:
            each.cache_clear()
        yield patch
    root.handlers[:], root.level = handlers, level
    for each in cached:
        each.cache_clear()
