"""Sets up the root logger for ordinary handlers: AWS's client adds a handler to it before it imports the function's module.

Each record is one line of JSON on standard error, which the server merges into its log: level, message, an exception with its
stack, and the fields of `extra`. A formatter of the user's own makes the message, or the whole line when what it makes is JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from typing import Any

from ..errors import message_of

_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "aws_request_id", "tenant_id"}
_LEVEL_KEYS = ("level", "level_name", "levelname", "severity")
# The names that the server knows.
_KNOWN_LEVELS = frozenset(
    "trace verbose debug info information notice warn warning error err critical crit fatal panic severe alert emergency emerg".split()
)
_LEVEL_NAMES = {0: "debug", 10: "debug", 20: "info", 30: "warn", 40: "error", 50: "error"}


class CurrentEvent:
    """Fields of the running event in log records."""

    request_id: str | None = None
    tenant_id: str | None = None


class StandardLogSink:
    """Destination of log lines."""

    def log(self, msg: str, frame_type: object = None) -> None:
        """Writes a text as a line of its own."""
        sys.stderr.write(msg if msg.endswith("\n") else f"{msg}\n")
        sys.stderr.flush()


class LambdaLoggerFilter(logging.Filter):
    """Adds the attributes that formats for AWS use: `%(aws_request_id)s`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Accepts every record."""
        record.aws_request_id = CurrentEvent.request_id or ""
        record.tenant_id = CurrentEvent.tenant_id
        return True


class LambdaLoggerHandler(logging.Handler):
    """Writes records as lines of JSON."""

    def __init__(self, log_sink: StandardLogSink) -> None:
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; reports a record that cannot be formatted as Python's own handlers do."""
        try:
            fields = _fields(record) if self.formatter is None else _formatted(self.format(record), record)
            self.log_sink.log(fields if isinstance(fields, str) else _line(fields))
        except Exception:  # noqa: BLE001 - a log line must not fail the job
            self.handleError(record)


def set_up_logging() -> StandardLogSink:
    """Adds the handler to the root logger, with AWS_LAMBDA_LOG_LEVEL where it is set."""
    logging.Formatter.converter = time.gmtime
    sink = StandardLogSink()
    root = logging.getLogger()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    handler = LambdaLoggerHandler(sink)
    handler.addFilter(LambdaLoggerFilter())
    root.addHandler(handler)
    return sink


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {"level": _level(record), "message": record.getMessage(), "logger": record.name, **_exception(record)}
    if record.stack_info:
        fields["stackInfo"] = record.stack_info
    fields.update((key, value) for key, value in record.__dict__.items() if key not in _OWN_FIELDS and key not in fields)
    return fields


def _exception(record: logging.LogRecord) -> dict[str, Any]:
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, error, stack = record.exc_info
    return {
        "errorType": kind.__name__,
        "errorMessage": message_of(error) if error else "",
        "stackTrace": traceback.format_tb(stack),
        "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
    }


def _formatted(text: str, record: logging.LogRecord) -> dict[str, Any] | str:
    if text.startswith("{"):
        try:
            own = json.loads(text)
        except ValueError:
            own = None
        if isinstance(own, dict):
            # On one line, whatever its indentation.
            missing = [key for key in _LEVEL_KEYS if key not in own]
            # A key that the server finds beside a level that it does not know.
            return own if not missing or any(map(_names_level, map(own.get, _LEVEL_KEYS))) else {missing[0]: _level(record), **own}
    return {"level": _level(record), "message": text.rstrip("\r\n"), "logger": record.name}


def _names_level(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _KNOWN_LEVELS or value.strip().isdecimal()
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _level(record: logging.LogRecord) -> str:
    return _LEVEL_NAMES[min(50, max(0, record.levelno)) // 10 * 10]


def _line(fields: dict[str, Any]) -> str:
    try:
        return _to_json(fields)
    except (TypeError, ValueError, RecursionError):
        # NaN, a cycle, a key that is not a string: such a field is written as text, so that the line stays JSON.
        return _to_json({str(key): value if _is_json(value) else _shown(value) for key, value in fields.items()})


def _is_json(value: object) -> bool:
    try:
        _to_json(value)
        return True
    except (TypeError, ValueError, RecursionError):
        return False


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=_shown, allow_nan=False)


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - its own __str__ raised
        return f"<unprintable {type(value).__name__} object>"
