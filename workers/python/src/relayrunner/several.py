"""Serves several jobs at once: each is a task on one event loop, which finds its own job by context variables."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Callable

from . import current
from .answers import Answers
from .context import Context
from .encoding import to_json
from .errors import describe
from .hooks import Hooks
from .relay import CONTROL, STREAM_MORE, STREAM_PING, STREAM_STOP, Frame, Relay
from .reply import Reply
from .stream import PIECES_PER_PING, is_stream
from .verdict import Verdict

if TYPE_CHECKING:
    from .leaks import Leaks


class SeveralJobs:
    """Jobs of one worker. `greet` answers the PID request, `read_context` reads the context of a job's frame."""

    def __init__(
        self,
        handler: Callable[[bytes, Context], Any],
        relay: Relay,
        hooks: Hooks,
        greet: Callable[[], None],
        read_context: Callable[[Frame, int], Context],
        leaks: Leaks | None = None,
    ) -> None:
        self._handler = handler
        self._relay = relay
        self._hooks = hooks
        self._greet = greet
        self._read_context = read_context
        self._leaks = leaks
        self._tasks: dict[asyncio.Task[None], Any] = {}
        self._numbers: dict[Any, asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._turns: dict[Any, _StreamTurns] = {}
        self._end: asyncio.Future[None] | None = None

    async def serve(self) -> None:
        """Runs until the server says stop and the jobs have ended, or the server goes."""
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        loop.add_reader(self._relay.descriptor, self._read)
        try:
            await self._end
        finally:
            loop.remove_reader(self._relay.descriptor)

    def _read(self) -> None:
        """Takes all frames that are there. One that has begun to come is waited for: the server writes a frame at once."""
        try:
            while True:
                frame = self._relay.read()
                if frame is None:
                    self._finish()
                    return
                self._take(frame)
                if not self._relay.has_input():
                    return
        except Exception as error:  # noqa: BLE001 - the relay is of no use any more
            if self._end is not None and not self._end.done():
                self._end.set_exception(error)

    def _finish(self) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def _take(self, frame: Frame) -> None:
        if frame.stream:
            self._take_stream(frame)
        elif frame.flags & CONTROL:
            self._on_control(json.loads(frame.payload), frame.payload)
        else:
            self._start(frame)

    def _take_stream(self, frame: Frame) -> None:
        context_bytes = frame.options[0] if frame.options else 0
        context = json.loads(frame.payload[:context_bytes] or b"{}")
        turns = self._turns.get(context.get("jobId"))
        # It may be about a stream that has ended.
        if turns is not None:
            turns.take(frame.stream)

    def _on_control(self, message: dict, payload: bytes) -> None:
        if message.get("stop"):
            asyncio.ensure_future(self._stop())
        elif "pid" in message:
            self._greet()
        elif "cancel" in message:
            task = self._numbers.get(message["cancel"].get("jobId"))
            if task is not None:
                self._cancelled.add(task)
                task.cancel("the server cancelled the job")
        else:
            self._hooks.run(self._relay, message, payload)

    async def _stop(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._finish()

    def _start(self, frame: Frame) -> None:
        answers = Answers(self._relay, None, frame.flags)
        try:
            context_bytes = frame.options[0] if frame.options else 0
            context = self._read_context(frame, context_bytes)
            answers.job_id = context.values.pop("jobId", None)
        except Exception as error:  # noqa: BLE001 - the context cannot be read: the job fails
            answers.error(to_json(describe(error)))
            return
        task = asyncio.ensure_future(self._run(frame.payload[context_bytes:], context, answers))
        self._tasks[task] = answers.job_id
        self._numbers[answers.job_id] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._numbers.pop(self._tasks.pop(task), None)
        self._cancelled.discard(task)

    async def _run(self, body: bytes, context: Context, answers: Answers) -> None:
        current.enter(context, answers.job_id)
        try:
            result = await self._call(body, context)
            if isinstance(result, Verdict):
                answers.verdict(result)
                return
            reply = result if isinstance(result, Reply) else Reply(result, {})
            if is_stream(reply.body):
                await self._stream(reply, answers)
            else:
                answers.result(reply)
        except Verdict as verdict:
            answers.verdict(verdict)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is the job's error
            answers.error(to_json(describe(error)))
        except SystemExit:
            raise
        except BaseException as error:
            answers.error(to_json(describe(error)), leaves=True)
            raise

    async def _call(self, body: bytes, context: Context) -> Any:
        if self._leaks is not None:
            self._leaks.begin(context, len(body))
        try:
            result = self._handler(body, context)
            return await result if inspect.isawaitable(result) else result
        finally:
            if self._leaks is not None:
                self._leaks.end()

    async def _stream(self, reply: Reply, answers: Answers) -> None:
        """Sends an answer piece by piece. What the server says about it carries the number of the job."""
        turns = self._turns[answers.job_id] = _StreamTurns()
        context, count = reply.context, 0
        pieces = _each(reply.body)
        try:
            async for piece in pieces:
                if turns.is_stopped:
                    break
                count += 1
                asks = count % PIECES_PER_PING == 0
                answers.piece(context, piece, STREAM_MORE | (STREAM_PING if asks else 0))
                context = {}
                if asks:
                    await turns.answer()
        finally:
            self._turns.pop(answers.job_id, None)
            await pieces.aclose()
        answers.piece(context, None, 0)


class _StreamTurns:
    """What the server says about one stream that is sent."""

    def __init__(self) -> None:
        self.is_stopped = False
        self._heard = asyncio.Event()

    def take(self, bits: int) -> None:
        self.is_stopped = self.is_stopped or bool(bits & STREAM_STOP)
        self._heard.set()

    async def answer(self) -> None:
        """Waits until there is room for more, or the reader has stopped."""
        await self._heard.wait()
        if not self.is_stopped:
            self._heard.clear()


async def _each(body: Any) -> AsyncIterator[Any]:
    """Yields the pieces of an iterator of either kind, and closes it."""
    try:
        if isinstance(body, AsyncIterator):
            async for piece in body:
                yield piece
        else:
            for piece in body:
                yield piece
    finally:
        if hasattr(body, "aclose"):
            await body.aclose()
        elif hasattr(body, "close"):
            body.close()
