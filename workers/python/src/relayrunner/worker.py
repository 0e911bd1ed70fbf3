"""Serves jobs: one at a time, in order, until the server says stop or goes."""

from __future__ import annotations

import asyncio
import faulthandler
import inspect
import json
import os
import signal
import sys
import time
import traceback
from typing import Any, Callable

from .hooks import Hooks
from .relay import CONTROL, ERROR, Frame, Relay
from .reply import Reply
from .verdict import Verdict

STACK_LINES_MAX = 50


class Context:
    """What a handler knows about its job. Absent values are None."""

    def __init__(self, values: dict) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        """Any value of the context by its name in snake case: `aws_request_id`, `record`, `attempt`."""
        first, *rest = name.split("_")
        camel = first + "".join("ARN" if word == "arn" else "MB" if word == "mb" else word.capitalize() for word in rest)
        return self.values.get(camel.replace("FunctionARN", "FunctionArn"))

    @property
    def kind(self) -> str:
        """`event` or `record`."""
        return self.values.get("kind", "event")

    def remaining_ms(self) -> float:
        """Milliseconds until Lambda's deadline; infinite without one."""
        deadline = self.values.get("deadlineMs")
        return float("inf") if deadline is None else deadline - time.time() * 1000


def log(level: str, message: str, **fields: Any) -> None:
    """Writes one line of JSON to standard error, where the server makes it a line of its own log."""
    sys.stderr.write(json.dumps({"level": level, "message": message, **fields}) + "\n")
    sys.stderr.flush()


def serve(
    handler: Callable[[bytes, Context], Any],
    *,
    on_thaw: Callable[[int], Any] | None = None,
    before_snapshot: Callable[[], Any] | None = None,
    after_restore: Callable[[], Any] | None = None,
) -> None:
    """Runs until the end. What the handler returns is the result: bytes and str as they are, a `reply(…)` with its context, else JSON.

    Between jobs: `on_thaw` hears that Lambda froze us for so many milliseconds (5,000 or more), so that others may have closed our
    connections; `before_snapshot` and `after_restore` are SnapStart's, and what they raise fails the start.
    """
    relay = Relay.connect(os.environ.get("RR_RELAY", "pipes"))
    hooks = Hooks(on_thaw, before_snapshot, after_restore, log)
    features = [*_features(), *hooks.features()]
    runner = asyncio.Runner() if sys.version_info >= (3, 11) else None
    while (frame := relay.read()) is not None:
        if frame.flags & CONTROL:
            message = json.loads(frame.payload)
            if message.get("stop"):
                return
            if "pid" in message:
                relay.write(CONTROL, json.dumps({"pid": os.getpid(), "features": features}).encode())
            else:
                hooks.run(relay, message, frame.payload)
            continue
        _answer(relay, handler, frame, runner)


def _features() -> list[str]:
    """`stack`: on SIGUSR2 the stacks of all threads go to standard error, also out of a loop in C."""
    if not hasattr(faulthandler, "register"):
        return []
    faulthandler.register(signal.SIGUSR2, file=2, all_threads=True)
    return ["stack"]


def _answer(relay: Relay, handler: Callable, frame: Frame, runner: Any) -> None:
    context_bytes = frame.options[0] if frame.options else 0
    try:
        context = Context(json.loads(frame.payload[:context_bytes] or b"{}"))
        result = handler(frame.payload[context_bytes:], context)
        if inspect.isawaitable(result):
            result = runner.run(_wait(result)) if runner else asyncio.run(_wait(result))
        if isinstance(result, Verdict):
            raise result
        head, body = (_json(result.context), result.body) if isinstance(result, Reply) else (b"", result)
        relay.write(frame.flags, head + _encode(body), len(head))
    except Verdict as verdict:
        outcome = _json(verdict.outcome)
        relay.write(frame.flags, outcome, len(outcome))
    except Exception as error:  # noqa: BLE001 - whatever the handler raises is the job's error, not the worker's
        relay.write(ERROR, _error_text(error).encode())


async def _wait(result: Any) -> Any:
    return await result


def _json(context: dict) -> bytes:
    return json.dumps(context, separators=(",", ":")).encode()


def _encode(result: Any) -> bytes:
    if result is None:
        return b""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    return (result if isinstance(result, str) else json.dumps(result)).encode()


def _error_text(error: Exception) -> str:
    stack = [line.strip() for line in traceback.format_tb(error.__traceback__)[-STACK_LINES_MAX:]]
    return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": stack})
