"""Log lines for Cloud Logging: one JSON object each, and of an exception only its type and place."""

import json
import logging
import sys

import pytest

from shared.kit import log

TRACE = "projects/p/traces/0123456789abcdef0123456789abcdef"


def written(level=logging.INFO, message="written", fields=None, exc_info=None, args=()):
    record = logging.LogRecord("booking", level, __file__, 1, message, args, exc_info)
    if fields is not None:
        record.__dict__.update(log.fields(**fields))
    return log.JsonFormatter().format(record)


def line(*args, **kwargs):
    return json.loads(written(*args, **kwargs))


@pytest.mark.parametrize("severity", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_line_has_its_severity_message_logger_and_fields(severity):
    record = line(
        logging.getLevelName(severity), "%s is %s", {"attempt": "SZ_1", "paise": 236_156}, args=("this", "that")
    )
    assert record == {
        "severity": severity,
        "message": "this is that",
        "logger": "booking",
        "attempt": "SZ_1",
        "paise": 236_156,
    }


def test_a_line_bears_the_trace_of_its_request_and_the_next_request_another_or_none():
    token = log.context.set({"request_id": "r1", "logging.googleapis.com/trace": TRACE})
    try:
        assert line()["logging.googleapis.com/trace"] == TRACE
        assert line()["request_id"] == "r1"
    finally:
        log.context.reset(token)
    assert "request_id" not in line()


def failed():
    try:
        try:
            {}["hunter2"]
        except KeyError as error:
            raise ValueError("the code 123456 of meera@sizzle.example") from error
    except ValueError:
        return sys.exc_info()


def test_of_an_exception_only_its_kind_and_its_place_are_written():
    """The text of an exception or its cause may contain a user's input."""
    raw = written(logging.ERROR, "unexpected error", exc_info=failed())
    for secret in ("hunter2", "123456", "meera"):
        assert secret not in raw
    record = json.loads(raw)
    assert record["exception"] == "ValueError"
    assert record["stack"][-1].endswith(" failed")
    assert "test_log.py:" in record["stack"][-1]


def test_a_deep_stack_is_told_by_its_innermost_frames():
    def deep(left):
        return deep(left - 1) if left else 1 // 0

    try:
        deep(50)
    except ZeroDivisionError:
        stack = line(exc_info=sys.exc_info())["stack"]
    assert len(stack) == 12
    assert stack[-1].endswith(" deep")


def test_a_line_is_one_line_whatever_is_in_it():
    raw = written(message="two\nlines", fields={"note": '₹ \u2028 \x00 "quoted"', "odd": object(), "many": {1: [None]}})
    assert "\n" not in raw
    assert json.loads(raw)["note"] == '₹ \u2028 \x00 "quoted"'


def test_without_an_exception_there_is_no_stack():
    assert line(exc_info=(None, None, None)).keys() == {"severity", "message", "logger"}


def test_configured_every_logger_writes_json_to_standard_output(capsys):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        log.configure("WARNING")
        log.logger("somewhere").warning("written", extra=log.fields(code="X"))
        log.logger("somewhere").info("not written")
        logging.getLogger("urllib3.connectionpool").info("a path that holds an address")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    (only,) = capsys.readouterr().out.splitlines()
    assert json.loads(only) == {"severity": "WARNING", "message": "written", "logger": "somewhere", "code": "X"}
