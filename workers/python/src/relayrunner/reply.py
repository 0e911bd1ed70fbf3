"""A reply with a context of its own, for protocols that have one, such as HTTP with its status and headers. Return it."""

from __future__ import annotations

from typing import Any


class Reply:
    """A body and the context in front of it."""

    def __init__(self, body: Any, context: dict) -> None:
        self.body = body
        self.context = context

    def then_leave(self) -> "Reply":
        """Returns the same reply, after which this worker is replaced: `return reply(body).then_leave()`."""
        self.context = {**self.context, "leave": True}
        return self


def reply(body: Any = None, context: dict | None = None) -> Reply:
    """Makes a reply. The body is sent like any result: bytes and texts unchanged, a generator piece by piece, anything else as JSON."""
    return Reply(body, context or {})
