"""Pushes jobs into queues of the server, from within a job or from any program that knows RR_RPC."""

from __future__ import annotations

import base64
import math
import uuid
from typing import Any, Iterable, Mapping

from .encoding import to_json
from .rpc import Rpc

_ANSWER_SECONDS = 60.0


def push(
    pipeline: str,
    body: Any,
    *,
    job: str = "rr.jobs",
    id: str | None = None,  # noqa: A002 - as everywhere in the protocol
    headers: Mapping[str, str | list[str]] | None = None,
    delay_ms: float = 0,
    priority: int = 0,
    auto_ack: bool = False,
    timeout: float = _ANSWER_SECONDS,
) -> str:
    """Pushes a job and returns its id once its queue has taken it. Bytes and texts go as they are, anything else as JSON.

    `id` is a random one by default, `priority` (a weight from 1 to 1000, a lower one comes first) the pipeline's; the delay is rounded up to
    whole seconds. A job with `auto_ack` is acknowledged before it runs, so it runs once at most.

    Raises RpcError with the server's text, where no server answers at RR_RPC, and after `timeout` seconds, when the job may be in the queue
    all the same. Threads may push at once; in an `async def` handler: `await asyncio.to_thread(push, "mail", body)`.
    """
    message = _message(
        pipeline, body, job=job, id=id, headers=headers, delay_ms=delay_ms, priority=priority, auto_ack=auto_ack
    )
    Rpc.shared().call("jobs.Push", {"job": message}, timeout)
    return message["id"]


def push_all(pipeline: str, jobs: Iterable[Mapping[str, Any]], *, timeout: float = _ANSWER_SECONDS) -> list[str]:
    """Pushes jobs in one call, in their order, and returns their ids. Each is a mapping of `body` and the options of `push`.

    Raises as `push` does, at the first job that its queue refuses: those before it may have been taken.
    """
    messages = [_message(pipeline, **job) for job in jobs]
    if messages:
        Rpc.shared().call("jobs.PushBatch", {"jobs": messages}, timeout)
    return [message["id"] for message in messages]


def _message(
    pipeline: str,
    body: Any,
    *,
    job: str = "rr.jobs",
    id: str | None = None,  # noqa: A002
    headers: Mapping[str, str | list[str]] | None = None,
    delay_ms: float = 0,
    priority: int = 0,
    auto_ack: bool = False,
) -> dict[str, Any]:
    if not 0 <= delay_ms < math.inf:
        raise ValueError(f"delay_ms is {delay_ms}; it must be a number of milliseconds from 0")
    return {
        "job": job,
        "id": str(uuid.uuid4()) if id is None else id,
        "payload": base64.b64encode(_bytes(body)).decode(),
        "headers": {
            key: {"value": [value] if isinstance(value, str) else list(value)} for key, value in (headers or {}).items()
        },
        "options": {
            "pipeline": pipeline,
            "delay": math.ceil(delay_ms / 1000),
            "priority": priority,
            "auto_ack": auto_ack,
        },
    }


def _bytes(body: Any) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    return body.encode() if isinstance(body, str) else to_json(body)
