"""The job that runs, for code that was not handed its context."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from .context import Context

# The context of the running job; its number where the worker runs several at once, so that the server finds the job of a log line.
_running: ContextVar[tuple[Context, Any] | None] = ContextVar("relayrunner_job", default=None)


def enter(context: Context, job_id: Any = None) -> None:
    """Makes this the running job of the task, or of the worker where it runs one at a time."""
    _running.set((context, job_id))


def leave() -> None:
    """Ends that: no job runs."""
    _running.set(None)


def current_context() -> Context | None:
    """Returns the context of the job in which this is called; None outside of jobs."""
    running = _running.get()
    return None if running is None else running[0]


def current_number() -> Any:
    """Returns the number of the job in which this is called; None where no other can run beside it."""
    running = _running.get()
    return None if running is None else running[1]
