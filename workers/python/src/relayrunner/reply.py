"""A reply with a context of its own, for protocols that have one, such as HTTP with its status and headers. Return it."""

from __future__ import annotations

from typing import Any


class Reply:
    """A body and the context in front of it."""

    def __init__(self, body: Any, context: dict) -> None:
        self.body = body
        self.context = context

    def then_leave(self) -> "Reply":
        """The same, and this worker is replaced once it has answered: `return reply(body).then_leave()`."""
        self.context = {**self.context, "leave": True}
        return self


def reply(body: Any = None, context: dict | None = None) -> Reply:
    """The body goes as any result does: bytes and texts as they are, a generator piece by piece, anything else as JSON."""
    return Reply(body, context or {})
