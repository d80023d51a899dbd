"""JSON lines as Cloud Logging reads them; no personal data, no secrets: ids, codes and amounts only."""

import json
import logging
import sys
from contextvars import ContextVar
from typing import Any

context: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated, only replaced


class JsonFormatter(logging.Formatter):
    """One JSON object a line: severity, message, trace of the request, and the fields given as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **context.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["stack"] = _frames(record)
        return json.dumps(line, ensure_ascii=False, default=str)


def _frames(record: logging.LogRecord) -> list[str]:
    # Files and lines only: the text of an exception may contain user input.
    frames, step = [], record.exc_info[2] if record.exc_info else None
    while step is not None:
        frames.append(f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno} {step.tb_frame.f_code.co_name}")
        step = step.tb_next
    return frames[-12:]


def configure(level: str = "INFO") -> None:
    """Send every logger of this process to standard output as JSON lines (functions-framework configures none)."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel("WARNING")


def logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a log call: named values beside the message."""
    return {"fields": values}
