"""Calls procedures of the server over RR_RPC in JSON: one connection a process, on which the calls of all threads go in turn."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
import time
import zlib
from typing import Any

_JSON = 0x08
_ERROR = 0x40
_WORDS = 5
_HEADER_BYTES = 12
_CONNECT_SECONDS = 5.0
_READ_BYTES = 65_536


class RpcError(RuntimeError):
    """A call to the server failed: the server's text, or that it could not be reached or did not answer."""


class Rpc:
    """A connection, opened with the first call and again where it was lost before a call. What was sent is never sent twice."""

    _shared: "Rpc | None" = None

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._sequence = 0
        self._turn = threading.Lock()
        self._pid = os.getpid()

    @classmethod
    def shared(cls) -> "Rpc":
        """The process's own connection to RR_RPC; a forked child gets another one."""
        address = os.environ.get("RR_RPC", "")
        if not address:
            raise RpcError(
                "RR_RPC is not set: workers have it from the server; other programs name rpc.listen of its rr.yaml, "
                "unix://PATH or tcp://HOST:PORT"
            )
        shared = cls._shared
        if shared is None or shared._address != address or shared._pid != os.getpid():
            shared = cls._shared = cls(address)
        return shared

    def call(self, method: str, argument: Any, timeout: float) -> Any:
        """Calls a procedure and returns its decoded answer. Raises RpcError."""
        until = time.monotonic() + timeout
        if not self._turn.acquire(timeout=timeout):
            raise RpcError(f"{method}: other calls to the server at {self._address} took longer than {timeout:g} s")
        try:
            return self._run(method, argument, until, timeout)
        except TimeoutError as error:
            self._close()
            text = f"{method}: the server at {self._address} did not answer within {timeout:g} s"
            raise RpcError(f"{text}; what it pushes may be in the queue all the same") from error
        except OSError as error:
            self._close()
            raise RpcError(f"{method}: the server at {self._address} has gone before it answered: {error}") from error
        except RpcError:
            raise
        except BaseException:
            # An interrupt in the middle of a frame: the rest of it would be read as the next one.
            self._close()
            raise
        finally:
            self._turn.release()

    def _run(self, method: str, argument: Any, until: float, timeout: float) -> Any:
        link = self._link()
        self._sequence = (self._sequence + 1) & 0xFFFF_FFFF
        name = method.encode()
        payload = name + json.dumps(argument).encode()
        head = struct.pack("<BBI", 0x10 | _WORDS, _JSON, len(payload))
        options = struct.pack("<II", self._sequence, len(name))
        link.settimeout(max(0.001, until - time.monotonic()))
        link.sendall(b"".join((head, struct.pack("<I2x", zlib.crc32(head)), options, payload)))
        while True:
            flags, sequence, data = self._answer(link, until)
            if sequence == self._sequence:
                break
        text = data.decode(errors="replace")
        if flags & _ERROR:
            raise RpcError(text)
        return json.loads(text) if text else None

    def _answer(self, link: socket.socket, until: float) -> tuple[int, int, bytes]:
        head = _exactly(link, _HEADER_BYTES, until)
        flags, length, checksum = struct.unpack_from("<BII", head, 1)
        if zlib.crc32(head[:6]) != checksum or head[0] & 0x0F < _WORDS:
            raise OSError("it does not answer in the protocol of RPC")
        options = _exactly(link, 4 * ((head[0] & 0x0F) - 3), until)
        sequence, name_bytes = struct.unpack_from("<II", options)
        return flags, sequence, _exactly(link, length, until)[name_bytes:]

    def _link(self) -> socket.socket:
        if self._socket is not None:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if poll.poll(0):
                # Nothing is due between calls: the server has closed it.
                self._close()
        if self._socket is None:
            try:
                self._socket = _connect(self._address)
            except (OSError, ValueError) as error:
                raise RpcError(f"no server answers on {self._address}: {error}. Start one with `rr serve`") from error
        return self._socket

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connect(address: str) -> socket.socket:
    if address.startswith("unix://"):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(_CONNECT_SECONDS)
        try:
            link.connect(address[len("unix://") :])
        except OSError:
            link.close()
            raise
        return link
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    link = socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _exactly(link: socket.socket, count: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        link.settimeout(left)
        chunk = link.recv(min(count - len(data), _READ_BYTES))
        if not chunk:
            raise ConnectionResetError("it has closed the connection")
        data += chunk
    return bytes(data)
