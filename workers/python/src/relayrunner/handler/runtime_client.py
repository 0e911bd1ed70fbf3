"""Receives the loader's results through the methods of AWS's `LambdaRuntimeClient`, which instrumentation wraps."""

from __future__ import annotations

from typing import Any, Awaitable

from ..awaiting import wait_for
from .marshaller import LambdaMarshaller
from ..worker import HandlerFault


class LambdaRuntimeClient:
    """Holds the answer to one event until it is sent to the server. A function may set another `marshaller`, as on AWS."""

    marshaller = LambdaMarshaller()

    def __init__(self) -> None:
        self.answer: Any = None
        self._has_posted = False

    def post_invocation_result(self, invoke_id: str | None, result_data: bytes | str, content_type: str = "application/json") -> None:
        """Records the result of the event."""
        self._has_posted = True
        self.answer = result_data if isinstance(result_data, bytes) else result_data.encode()

    def post_invocation_error(self, invoke_id: str | None, error_response_data: bytes | str, xray_fault: str) -> None:
        """Records the error of the event. `xray_fault` is ignored."""
        text = error_response_data if isinstance(error_response_data, bytes) else error_response_data.encode()
        self.answer = HandlerFault(text)

    def post_init_error(self, error_response_data: dict, error_type_override: str | None = None) -> None:
        """Exists only to be wrapped: a loader that cannot load its handler prints why and ends, and the server posts the error."""

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        """Returns the result of a coroutine."""
        return wait_for(awaitable)

    def take_answer(self) -> Any:
        """Returns the answer for `serve`. Raises when the event failed, and when nothing was posted."""
        if isinstance(self.answer, HandlerFault):
            raise self.answer
        if self.answer is None and not self._has_posted:
            raise RuntimeError("the handler was called, and neither a result nor an error was posted")
        return self.answer
