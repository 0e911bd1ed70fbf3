"""Serves jobs: one at a time, in order, or several at once, until the server says stop or goes."""

from __future__ import annotations

import faulthandler
import inspect
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Callable

from . import current
from .answers import Answers
from .awaiting import wait_for
from .context import Context
from .encoding import to_json
from .errors import describe
from .hooks import Hooks
from .inbox import Inbox
from .relay import CONTROL, Frame, Relay
from .reply import Reply
from .verdict import Verdict

if TYPE_CHECKING:
    from .leaks import Leaks

# A protobuf context: the http plugin's other codec.
PROTO = 0x80


class HandlerFault(Exception):
    """Error with a finished description: JSON with `errorType`, `errorMessage` and `stackTrace`."""

    def __init__(self, text: bytes) -> None:
        super().__init__("the handler failed")
        self.text = text


def log(level: str, message: str, **fields: Any) -> None:
    """Writes one line of JSON to standard error, where the server makes it a line of its own log."""
    line = {"level": level, "message": message, **fields}
    number = current.current_number()
    if number is not None:
        # Last, where the server looks for it.
        line.pop("jobId", None)
        line["jobId"] = number
    sys.stderr.write(json.dumps(line, default=str) + "\n")
    sys.stderr.flush()


def serve(
    handler: Callable[[bytes, Context], Any],
    *,
    concurrency: int = 1,
    on_thaw: Callable[[int], Any] | None = None,
    before_snapshot: Callable[[], Any] | None = None,
    after_restore: Callable[[], Any] | None = None,
    on_given_up: Callable[[bytes, Context], Any] | None = None,
) -> None:
    """Runs until the end. What the handler returns is the result: bytes and str as they are, an iterator piece by piece, else JSON.

    A `reply(…)` has a context of its own. Between jobs: `on_thaw` hears that Lambda froze us for so many milliseconds (5,000 or more),
    so that others may have closed our connections; `before_snapshot` and `after_restore` are SnapStart's, and what they raise fails
    the start. What is no Exception (SystemExit, KeyboardInterrupt) ends the worker with the job.

    With a `concurrency` above 1 so many jobs run at once, as tasks of one event loop: while an `async def` handler waits, others run. A
    job that is over its limit is cancelled as tasks are, by a CancelledError at its `await`.

    `on_given_up` takes records that the server gave up (`failed: worker` of `lambda` or `jobs`), in the handler's place: they must not run again, but what
    hangs on them can be settled. Its result settles the record; without it no such record is sent.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it must be 1 or more")
    relay = Relay.connect(os.environ.get("RR_RELAY", "pipes"))
    hooks = Hooks(on_thaw, before_snapshot, after_restore, log, on_given_up is not None)
    if on_given_up is not None:
        handler = _by_kind(handler, on_given_up)
    features = ["job_id", *_stack_feature(), *hooks.features()]
    leaks = _watch_leaks()
    try:
        if concurrency > 1:
            # What a job changed cannot be told while others run.
            _serve_several(handler, relay, hooks, features, concurrency if leaks is None else 1, leaks)
        else:
            _serve_in_turn(handler, relay, hooks, features, leaks)
    finally:
        if leaks is not None and relay.is_ours:
            leaks.summary()


def _by_kind(
    run: Callable[[bytes, Context], Any], on_given_up: Callable[[bytes, Context], Any]
) -> Callable[[bytes, Context], Any]:
    def handle(body: bytes, context: Context) -> Any:
        return (on_given_up if context.kind == "given_up" else run)(body, context)

    return handle


def _watch_leaks() -> Leaks | None:
    if os.environ.get("RELAYRUNNER_LEAKS", "0") in ("", "0"):
        return None
    # It looks at modules that few workers load.
    from .leaks import Leaks

    return Leaks(log)


def _serve_in_turn(
    handler: Callable[[bytes, Context], Any], relay: Relay, hooks: Hooks, features: list[str], leaks: Leaks | None
) -> None:
    inbox = Inbox(relay)
    jobs = _Jobs(handler, relay, inbox, leaks)
    while (frame := inbox.next()) is not None:
        if not frame.flags & CONTROL:
            jobs.run(frame)
            continue
        message = json.loads(frame.payload)
        if message.get("stop"):
            return
        if "pid" in message:
            relay.write(CONTROL, json.dumps({"pid": os.getpid(), "features": features}).encode())
        else:
            hooks.run(relay, message, frame.payload)


def _serve_several(
    handler: Callable[[bytes, Context], Any],
    relay: Relay,
    hooks: Hooks,
    features: list[str],
    concurrency: int,
    leaks: Leaks | None,
) -> None:
    # Only a worker that needs it loads asyncio.
    import asyncio

    from .several import SeveralJobs

    announced = {"features": [*features, "concurrency", "cancel", "stream_id"], "concurrency": concurrency}

    def greet() -> None:
        relay.write(CONTROL, json.dumps({"pid": os.getpid(), **announced}).encode())

    async def run() -> None:
        await SeveralJobs(handler, relay, hooks, greet, _read_context, leaks).serve()

    asyncio.run(run())


def _stack_feature() -> list[str]:
    """`stack`: on SIGUSR2 the stacks of all threads go to standard error, also out of a loop in C."""
    if not hasattr(faulthandler, "register"):
        return []
    faulthandler.register(signal.SIGUSR2, file=2, all_threads=True)
    return ["stack"]


class _Jobs:
    """Runs jobs, each of which is answered once, whatever its handler does."""

    def __init__(
        self, handler: Callable[[bytes, Context], Any], relay: Relay, inbox: Inbox, leaks: Leaks | None
    ) -> None:
        self._handler = handler
        self._relay = relay
        self._inbox = inbox
        self._leaks = leaks

    def run(self, frame: Frame) -> None:
        context_bytes = frame.options[0] if frame.options else 0
        answers = Answers(self._relay, self._inbox, frame.flags)
        try:
            context = _read_context(frame, context_bytes)
            # Removed: a handler sees the context as the job's sender made it.
            answers.job_id = context.values.pop("jobId", None)
            _tell_trace_id(context.values.get("traceId"))
            current.enter(context)
            result = self._call_watched(frame, context_bytes, context)
            self._leave_if_forked()
            if isinstance(result, Verdict):
                answers.verdict(result)
            else:
                answers.result(result if isinstance(result, Reply) else Reply(result, {}))
        except Verdict as verdict:
            self._leave_if_forked()
            answers.verdict(verdict)
        except HandlerFault as fault:
            self._leave_if_forked()
            answers.error(fault.text)
        except Exception as error:  # noqa: BLE001 - whatever the handler raises is the job's error, not the worker's
            self._leave_if_forked()
            answers.error(to_json(describe(error)))
        except SystemExit:
            # The handler ends its process, and the server reports how to the job's caller.
            raise
        except BaseException as error:
            # Without a number the answer cannot announce that the worker leaves, and the next job would fail with it.
            if self._relay.is_ours and answers.job_id is not None:
                answers.error(to_json(describe(error)), leaves=True)
            raise

        finally:
            current.leave()

    def _call_watched(self, frame: Frame, context_bytes: int, context: Context) -> Any:
        if self._leaks is None:
            return self._call(frame.payload[context_bytes:], context)
        self._leaks.begin(context, len(frame.payload))
        try:
            return self._call(frame.payload[context_bytes:], context)
        finally:
            if self._relay.is_ours:
                self._leaks.end()

    def _call(self, body: bytes, context: Context) -> Any:
        result = self._handler(body, context)
        return wait_for(result) if inspect.isawaitable(result) else result

    def _leave_if_forked(self) -> None:
        if not self._relay.is_ours:
            log("warn", "a forked child returned from the handler: it ends here, because only the worker may answer")
            raise SystemExit(0)


def _read_context(frame: Frame, context_bytes: int) -> Context:
    if frame.flags & PROTO:
        raise ValueError("the context of this job is protobuf, which this SDK does not read: set lambda.http.codec to json")
    values = json.loads(frame.payload[:context_bytes] or b"{}")
    return Context(values if isinstance(values, dict) else {})


def _tell_trace_id(trace_id: str | None) -> None:
    """Sets the event's trace id in the environment, where X-Ray and OpenTelemetry read it, as AWS's client does."""
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
