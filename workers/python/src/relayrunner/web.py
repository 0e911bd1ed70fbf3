"""HTTP jobs for Python's own interfaces of web applications: WSGI (Flask, Django) and ASGI (Starlette, FastAPI)."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from .context import Context
from .reply import Reply, reply


def wsgi_handler(app: Callable[..., Iterable[bytes]]) -> Callable[[bytes, Context], Reply]:
    """Makes a handler for `serve` of a WSGI application: `serve(wsgi_handler(app))`. Set `http.raw_body: true`.

    An answer that is a list or a tuple goes out whole, any other iterable piece by piece.
    """

    def handle(body: bytes, context: Context) -> Reply:
        head: dict[str, Any] = {}
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
            head.update(_head(int(status.split(" ", 1)[0]), headers))
            return written.append

        pieces = app(_environ(body, context), start_response)
        if isinstance(pieces, (list, tuple)):
            return reply(b"".join([*written, *pieces]), head)
        # The head is there when the first piece is.
        iterator = iter(pieces)
        first = next(iterator, b"")
        return reply(_pieces([*written, first], iterator, pieces), head)

    return handle


def asgi_handler(app: Callable[..., Any]) -> Callable[[bytes, Context], Any]:
    """Makes a handler for `serve` of an ASGI application: `serve(asgi_handler(app), concurrency=100)`. Set `http.raw_body: true`.

    An answer that the application sends in one message goes out whole, any other piece by piece: when the client has left, `receive` says
    `http.disconnect` and `send` raises OSError. Lifespan events and WebSockets are not sent.
    """

    async def handle(body: bytes, context: Context) -> Reply:
        exchange = _Exchange(body)
        call = asyncio.ensure_future(app(_scope(context), exchange.receive, exchange.send))
        begun = asyncio.ensure_future(exchange.begun.wait())
        try:
            await asyncio.wait({call, begun}, return_when=asyncio.FIRST_COMPLETED)
            if exchange.is_streamed:
                return reply(exchange.pieces(call), exchange.head)
            await call
        except asyncio.CancelledError:
            call.cancel()
            raise
        finally:
            begun.cancel()
        return reply(exchange.whole, exchange.head)

    return handle


class _Exchange:
    """One request of an ASGI application and its answer."""

    def __init__(self, body: bytes) -> None:
        self.head: dict[str, Any] = {}
        self.whole = b""
        self.begun = asyncio.Event()
        self.is_streamed = False
        self._requests = [{"type": "http.request", "body": body, "more_body": False}]
        # One piece: a slow client slows the application.
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._left = asyncio.Event()

    async def receive(self) -> dict:
        if self._requests:
            return self._requests.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            lines = [(_text(name), _text(value)) for name, value in message.get("headers", [])]
            self.head.update(_head(message["status"], lines))
        if message["type"] != "http.response.body":
            return
        if self._left.is_set():
            raise OSError("the client has left")
        piece = message.get("body", b"")
        if not self.is_streamed and not message.get("more_body", False):
            self.whole = piece
            self.begun.set()
            return
        self.is_streamed = True
        self.begun.set()
        if piece:
            await self._pieces.put(piece)

    async def pieces(self, call: asyncio.Future[None]) -> AsyncIterator[bytes]:
        """Yields what the application sends until its call has ended; raises what that raises."""
        try:
            while not (call.done() and self._pieces.empty()):
                piece = asyncio.ensure_future(self._pieces.get())
                await asyncio.wait({call, piece}, return_when=asyncio.FIRST_COMPLETED)
                if piece.done():
                    yield piece.result()
                else:
                    piece.cancel()
            call.result()
        finally:
            await self._leave(call)

    async def _leave(self, call: asyncio.Future[None]) -> None:
        """Waits for the end of the application, which is told that the client has left where it still runs."""
        self._left.set()
        # A piece that waits for the client must not hold the application up.
        while not self._pieces.empty():
            self._pieces.get_nowait()
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:
            call.cancel()
            raise
        if not call.cancelled():
            # What it raises now is nobody's: Python would tell of it as never retrieved.
            call.exception()


def _pieces(first: list[bytes], rest: Any, whole: Any) -> Any:
    try:
        for piece in first:
            if piece:
                yield piece
        for piece in rest:
            if piece:
                yield piece
    finally:
        close = getattr(whole, "close", None)
        if close is not None:
            close()


def _head(status: int, headers: Iterable[tuple[str, str]]) -> dict:
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return {"status": status, "headers": lists}


def _request(context: Context) -> tuple[Any, dict[str, list[str]]]:
    values = context.values
    return urlsplit(values["uri"]), values.get("headers") or {}


def _environ(body: bytes, context: Context) -> dict:
    values = context.values
    uri, headers = _request(context)
    environ = {
        "REQUEST_METHOD": values["method"],
        "SCRIPT_NAME": "",
        # WSGI's texts are bytes that are read as Latin-1.
        "PATH_INFO": unquote_to_bytes(uri.path).decode("latin-1"),
        "QUERY_STRING": values.get("rawQuery", ""),
        "SERVER_NAME": uri.hostname or "",
        "SERVER_PORT": str(uri.port or (443 if uri.scheme == "https" else 80)),
        "SERVER_PROTOCOL": values["protocol"],
        "REMOTE_ADDR": values["remoteAddr"],
        "HTTP_HOST": uri.netloc,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": uri.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, lines in headers.items():
        key = name.upper().replace("-", "_")
        value = ("; " if key == "COOKIE" else ", ").join(lines).encode().decode("latin-1")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value
    return environ


def _scope(context: Context) -> dict:
    values = context.values
    uri, headers = _request(context)
    lines = [(name.lower().encode(), value.encode()) for name, given in headers.items() for value in given]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": values["protocol"].removeprefix("HTTP/"),
        "method": values["method"],
        "scheme": uri.scheme,
        "path": unquote_to_bytes(uri.path).decode("utf-8", "replace"),
        "raw_path": uri.path.encode(),
        "query_string": values.get("rawQuery", "").encode(),
        "root_path": "",
        "headers": [(b"host", uri.netloc.encode()), *lines],
        "client": (values["remoteAddr"], 0),
        "server": (uri.hostname or "", uri.port or (443 if uri.scheme == "https" else 80)),
    }


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
