"""A reply with a context of its own, for protocols that have one: HTTP's status and headers. Return it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Reply(NamedTuple):
    """A body and the context in front of it."""

    body: Any
    context: dict


def reply(body: Any, context: dict) -> Reply:
    """The body goes as any result does: bytes and str as they are, anything else as JSON."""
    return Reply(body, context)
