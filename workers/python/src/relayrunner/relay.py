"""Goridge frames over the relay that RR_RELAY names: blocking reads, one write a frame."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
import zlib
from typing import NamedTuple

CONTROL = 0x01
ERROR = 0x40
STREAM_MORE = 0x01
STREAM_STOP = 0x02
STREAM_PING = 0x04
HEADER_BYTES = 12
READ_BYTES = 65_536
BIG_READ_BYTES = 1_048_576

# The relay's descriptors are numbered from here on, out of the way of code that counts on low numbers.
DESCRIPTOR_MIN = 100


class Frame(NamedTuple):
    """One frame: flag bits, stream bits, 32-bit options, payload."""

    flags: int
    stream: int
    options: tuple[int, ...]
    payload: bytes


class Relay:
    """One connection to the server. Its descriptors are closed by the end of the process alone.

    The server takes the relay's end for the worker's end, so it stays open while `atexit` hooks run, and no child inherits it.
    """

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        # Unread bytes: those of `_buffer` from `_at` on.
        self._buffer = b""
        self._at = 0
        self._poll = select.poll()
        self._poll.register(reader, select.POLLIN)
        self._pid = os.getpid()
        os.register_at_fork(after_in_child=self._close_in_child)

    @classmethod
    def connect(cls, address: str) -> "Relay":
        """`pipes` (the default), `unix://PATH`, `tcp://HOST:PORT`. Raises OSError when nobody listens there."""
        if address.startswith("unix://"):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.connect(address[len("unix://") :])
        elif address.startswith("tcp://"):
            host, port = address[len("tcp://") :].rsplit(":", 1)
            link = socket.create_connection((host, int(port)))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            return cls(*_take_pipes())
        link.setblocking(True)
        descriptor = _moved_up(link.fileno())
        link.close()
        _write_whole_lines()
        return cls(descriptor, descriptor)

    @property
    def is_ours(self) -> bool:
        """False in a child that was forked from the worker: only the worker speaks to the server."""
        return os.getpid() == self._pid

    @property
    def descriptor(self) -> int:
        """The descriptor that is ready when there is something to read."""
        return self._reader

    def read(self) -> Frame | None:
        """The next frame; None at the end of input."""
        head = self._exactly(HEADER_BYTES)
        if head is None:
            return None
        flags, length, checksum, stream = struct.unpack_from("<BIIB", head, 1)
        if zlib.crc32(head[:6]) != checksum:
            raise RuntimeError(f"the server sent a frame with a wrong checksum: {head.hex()}")
        count = (head[0] & 0x0F) - 3
        options = self._exactly(4 * count) if count > 0 else b""
        payload = self._exactly(length) if length else b""
        if options is None or payload is None:
            return None
        return Frame(flags, stream, struct.unpack(f"<{len(options) // 4}I", options), payload)

    def has_input(self) -> bool:
        """Tells whether `read` would find something at once."""
        return self._at < len(self._buffer) or bool(self._poll.poll(0))

    def write(self, flags: int, payload: bytes, context_bytes: int | None = None, stream: int = 0) -> None:
        """Writes one frame; `context_bytes` is the option of answers, None for control frames and errors without a context."""
        words = 3 if context_bytes is None else 4
        head = struct.pack("<BBI", 0x10 | words, flags, len(payload))
        option = b"" if context_bytes is None else struct.pack("<I", context_bytes)
        frame = memoryview(b"".join((head, struct.pack("<IBB", zlib.crc32(head), stream, 0), option, payload)))
        while frame:
            frame = frame[os.write(self._writer, frame) :]

    def _exactly(self, count: int) -> bytes | None:
        end = self._at + count
        if end > len(self._buffer):
            if not self._fill(count):
                return None
            end = count
        data = self._buffer[self._at : end]
        self._at = end
        return data

    def _fill(self, count: int) -> bool:
        """Reads until the buffer has `count` unread bytes; False when the input ends before."""
        chunks = [self._buffer[self._at :]]
        missing = count - len(chunks[0])
        while missing > 0:
            chunk = os.read(self._reader, max(READ_BYTES, min(missing, BIG_READ_BYTES)))
            if not chunk:
                return False
            chunks.append(chunk)
            missing -= len(chunk)
        self._buffer, self._at = b"".join(chunks), 0
        return True

    def _close_in_child(self) -> None:
        """Closes the relay in a forked child, which must not keep it open after the worker's end."""
        for descriptor in {self._reader, self._writer}:
            os.close(descriptor)


def _take_pipes() -> tuple[int, int]:
    """Moves the pipes away from 0 and 1, so that children read nothing and all prints go to standard error."""
    reader, writer = _moved_up(0), _moved_up(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    _write_whole_lines()
    return reader, writer


def _moved_up(descriptor: int) -> int:
    """Returns a duplicate that children do not inherit."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, DESCRIPTOR_MIN)
    except OSError:
        # A limit on open files below DESCRIPTOR_MIN.
        return os.dup(descriptor)


def _write_whole_lines() -> None:
    """Makes standard output line-buffered: Python buffers it without a terminal, and lines would be logged under a later job."""
    for output in (sys.stdout, sys.stderr):
        reconfigure = getattr(output, "reconfigure", None)
        if reconfigure is not None:
            # A text that cannot be encoded is a reason to write it otherwise, not to fail the job.
            reconfigure(line_buffering=True, errors="backslashreplace")
