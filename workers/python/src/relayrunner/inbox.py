"""Receives the server's frames in order: jobs and control messages for the loop, answers about a stream for its sender."""

from __future__ import annotations

from collections import deque

from .relay import STREAM_STOP, Frame, Relay


class Inbox:
    """Reads a relay. Frames that arrive while a stream is sent, such as the next job, wait for their turn."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._waiting: deque[Frame] = deque()
        self._has_ended = False
        self._has_stopped = False

    def next(self) -> Frame | None:
        """Returns the next job or control message; None when the server has closed the relay."""
        while not self._waiting and not self._has_ended:
            self._take()
        return self._waiting.popleft() if self._waiting else None

    def begin_stream(self) -> None:
        """Forgets what the server sent about earlier streams."""
        self._has_stopped = False

    def is_stopped(self) -> bool:
        """Tells whether the reader of the stream has stopped, as far as is known without waiting."""
        while not self._is_over() and self._relay.has_input():
            self._take()
        return self._is_over()

    def wait_for_pong(self) -> bool:
        """Waits until there is room for more; False when the reader has stopped."""
        while not self._is_over():
            if self._take():
                break
        return not self._is_over()

    def _is_over(self) -> bool:
        return self._has_stopped or self._has_ended

    def _take(self) -> bool:
        """Reads one frame; True when it was about a stream."""
        frame = self._relay.read()
        if frame is None:
            self._has_ended = True
            return False
        if not frame.stream:
            self._waiting.append(frame)
            return False
        self._has_stopped = self._has_stopped or bool(frame.stream & STREAM_STOP)
        return True
