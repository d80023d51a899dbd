"""An app inside functions-framework's Flask application, as deployed, without a server."""

import functions_framework
from flask import Flask
from flask.testing import FlaskClient

from functions.web.app import App


def framed(app: App) -> Flask:
    framework = Flask(app.name, static_folder=None)
    app.handle_errors_of(framework)
    functions_framework._configure_app(framework, app.respond, "http")
    return framework


def client(app: App) -> FlaskClient:
    return framed(app).test_client()
