"""Sends the frames that answer one job. Each carries the job's number, so that none is taken for the answer to another job."""

from __future__ import annotations

import json
import sys
from typing import Any

from .encoding import to_json
from .inbox import Inbox
from .relay import ERROR, Relay
from .reply import Reply
from .stream import is_stream, send_stream
from .verdict import Verdict

_to_context = json.JSONEncoder(separators=(",", ":")).encode


class Answers:
    """Ways to answer one job. `job_id` is the job's number; None when the server sent none. Without an inbox streams are sent by `piece`."""

    def __init__(self, relay: Relay, inbox: Inbox | None, flags: int) -> None:
        self._relay = relay
        self._inbox = inbox
        self._flags = flags
        self.job_id: Any = None

    def result(self, reply: Reply) -> None:
        """Answers with a body. Raises when it cannot be encoded, and what a stream raises."""
        if self._inbox is None or not is_stream(reply.body):
            self._send(reply.context, _encode(reply.body))
            return
        contexts = iter((reply.context,))

        def send(piece: Any, stream: int) -> None:
            self._send(next(contexts, {}), _encode(piece), stream)

        send_stream(self._inbox, reply.body, send)

    def piece(self, context: dict, piece: Any, stream: int) -> None:
        """Sends one frame of a stream."""
        self._send(context, _encode(piece), stream)

    def verdict(self, verdict: Verdict) -> None:
        """Answers with the handler's verdict on the job."""
        self._send(verdict.outcome, b"")

    def error(self, text: bytes, leaves: bool = False) -> None:
        """Answers that the job failed. `leaves` announces that the worker ends afterwards, which needs a numbered job."""
        _flush()
        context = self._context({"leave": True} if leaves else {})
        self._relay.write(ERROR, context + text, len(context) if context else None)

    def _send(self, context: dict, body: bytes, stream: int = 0) -> None:
        _flush()
        head = self._context(context)
        self._relay.write(self._flags, head + body, len(head), stream)

    def _context(self, values: dict) -> bytes:
        """Encodes a context as JSON with the number last, where the server finds it without parsing the rest."""
        if self.job_id is not None:
            if not values and type(self.job_id) is int:
                # The context of nearly every answer.
                return b'{"jobId":%d}' % self.job_id
            values = {**{key: value for key, value in values.items() if key != "jobId"}, "jobId": self.job_id}
        return _to_context(values).encode() if values else b""


def _flush() -> None:
    """Flushes text that was printed without a line end: it belongs to this job, so it must be written before the answer."""
    for output in (sys.stdout, sys.stderr):
        try:
            output.flush()
        except (AttributeError, OSError, ValueError):
            # It was closed or replaced: losing a line is not a reason to fail the job.
            continue


def _encode(result: Any) -> bytes:
    if result is None:
        return b""
    if isinstance(result, (bytes, bytearray, memoryview)):
        return bytes(result)
    return result.encode() if isinstance(result, str) else to_json(result)
