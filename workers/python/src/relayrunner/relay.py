"""Goridge frames over the relay that RR_RELAY names: blocking reads, one write a frame."""

from __future__ import annotations

import os
import socket
import struct
import sys
import zlib
from typing import BinaryIO, NamedTuple

CONTROL = 0x01
ERROR = 0x40
HEADER_BYTES = 12


class Frame(NamedTuple):
    """One frame: flag bits, 32-bit options, payload."""

    flags: int
    options: tuple[int, ...]
    payload: bytes


class Relay:
    """One connection to the server."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

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
            # Standard output is the protocol: prints go to standard error, also those of children and C code.
            output = os.fdopen(os.dup(1), "wb", buffering=0)
            os.dup2(2, 1)
            sys.stdout = sys.stderr
            return cls(os.fdopen(os.dup(0), "rb", buffering=65536), output)
        return cls(link.makefile("rb", buffering=65536), link.makefile("wb", buffering=0))

    def read(self) -> Frame | None:
        """The next frame; None at the end of input."""
        head = self._exactly(HEADER_BYTES)
        if head is None:
            return None
        flags, length, checksum = struct.unpack_from("<BII", head, 1)
        if zlib.crc32(head[:6]) != checksum:
            raise RuntimeError(f"the server sent a frame with a wrong checksum: {head.hex()}")
        count = (head[0] & 0x0F) - 3
        options = self._exactly(4 * count) if count > 0 else b""
        payload = self._exactly(length) if length else b""
        if options is None or payload is None:
            return None
        return Frame(flags, struct.unpack(f"<{count}I", options), payload)

    def write(self, flags: int, payload: bytes, context_bytes: int | None = None) -> None:
        """Writes one frame; `context_bytes` is the option of answers, None for control and error frames."""
        words = 3 if context_bytes is None else 4
        head = struct.pack("<BBI", 0x10 | words, flags, len(payload))
        option = b"" if context_bytes is None else struct.pack("<I", context_bytes)
        frame = memoryview(head + struct.pack("<I", zlib.crc32(head)) + b"\0\0" + option + payload)
        while frame:
            frame = frame[self._writer.write(frame) :]

    def _exactly(self, count: int) -> bytes | None:
        data = self._reader.read(count)
        return data if len(data) == count else None
