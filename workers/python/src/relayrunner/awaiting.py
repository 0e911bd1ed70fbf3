"""Waits for coroutines on one event loop, which lives as long as the process: clients that outlive a job are bound to it."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable

_loop: asyncio.AbstractEventLoop | None = None


def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Returns the awaited result. Raises what the awaitable raises."""
    global _loop
    if _loop is None or _loop.is_closed():
        _loop = asyncio.new_event_loop()
    return _loop.run_until_complete(_awaited(awaitable))


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
