"""The served document combines its parts, and an application's own errors match the document."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api_document import DOCUMENT
from tests.framework import client, placeholder_settings

COMPONENTS: dict[str, Any] = DOCUMENT["components"]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with placeholder_settings():
        yield


@pytest.fixture
def docs() -> FlaskClient:
    from functions.docs import docs

    return client(docs.app)


@pytest.fixture
def notes() -> FlaskClient:
    """An application with one endpoint, which takes a body and fails."""
    from functions.web.app import App

    return client(App("notes", {"/notes": {"POST": "tests.architecture.notes"}}))


def example(code: str) -> dict[str, Any]:
    return COMPONENTS["examples"][code]["value"]


def test_the_docs_function_serves_the_parts_of_every_line(docs: FlaskClient):
    answer = docs.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert list(answer.json) == list(DOCUMENT)
    assert answer.json == DOCUMENT


def test_any_page_may_read_the_document(docs: FlaskClient):
    answer = docs.get("/api/v1/openapi.json", headers={"Origin": "https://editor.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_another_method_is_refused_as_documented(docs: FlaskClient):
    answer = docs.post("/api/v1/openapi.json")
    assert (answer.status_code, answer.json) == (405, example("method_not_allowed"))
    assert "GET" in answer.headers["Allow"]
    assert set(answer.headers.keys()) >= COMPONENTS["responses"]["MethodNotAllowed"]["headers"].keys()


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        ("malformed_json", {"data": b"{", "content_type": "application/json"}),
        ("unsupported_media_type", {"data": b"text=hello", "content_type": "application/x-www-form-urlencoded"}),
        ("request_entity_too_large", {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"}),
        ("internal_error", {"json": {"text": "it breaks"}}),
    ],
)
def test_what_goes_wrong_with_any_body_is_refused_as_documented(notes: FlaskClient, code: str, sent: dict[str, Any]):
    answer = notes.post("/notes", **sent)
    problem = example(code)
    assert answer.content_type == "application/problem+json"
    assert answer.json.items() >= {name: problem[name] for name in ("type", "title", "status", "code")}.items()
    assert answer.status_code == problem["status"]
    assert answer.headers["X-Request-Id"]


def test_an_invalid_body_names_its_fields_as_documented(notes: FlaskClient):
    answer = notes.post("/notes", json={"text": 5, "more": 1})
    assert answer.json.keys() == example("invalid").keys()
    assert [error.keys() for error in answer.json["errors"]] == [example("invalid")["errors"][0].keys()] * 2
