"""Streams an answer piece by piece.

Every few pieces the server is asked whether there is room for more, so a slow reader slows the handler. When the reader has gone
the server says stop, and the handler's generator is closed at its `yield`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable, Generator

from .awaiting import wait_for
from .inbox import Inbox
from .relay import STREAM_MORE, STREAM_PING

# As often as RoadRunner's PHP package asks.
PIECES_PER_PING = 5


def is_stream(result: Any) -> bool:
    """Tells whether a result comes in pieces: a generator, an async generator, any other iterator."""
    return isinstance(result, (Iterator, AsyncIterator))


def send_stream(inbox: Inbox, pieces: Any, send: Callable[[Any, int], None]) -> None:
    """Sends the pieces with `send(piece, stream_bits)`, the end as None, and closes `pieces`. Raises what `pieces` raises."""
    inbox.begin_stream()
    count = 0
    iterator = _in_turn(pieces) if isinstance(pieces, AsyncIterator) else pieces
    try:
        for piece in iterator:
            if inbox.is_stopped():
                break
            count += 1
            asks = count % PIECES_PER_PING == 0
            send(piece, STREAM_MORE | (STREAM_PING if asks else 0))
            if asks and not inbox.wait_for_pong():
                break
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
    send(None, 0)


def _in_turn(pieces: AsyncIterator) -> Generator[Any, None, None]:
    """Yields the pieces of an async generator, awaiting each when it is requested."""
    try:
        while True:
            try:
                piece = wait_for(_next_of(pieces))
            except StopAsyncIteration:
                return
            yield piece
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            wait_for(close())


async def _next_of(pieces: AsyncIterator) -> Any:
    return await anext(pieces)
