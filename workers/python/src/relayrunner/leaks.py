"""Reports what jobs change in this process and leave behind (`rr dev --leaks`): settings at once, growth when it repeats.

Between the two calls of a job it only looks: nothing is put back.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any, Callable

from .context import Context
from .leak_growth import Growth
from .leak_state import State, levels

_NAMES_MAX = 100


class Leaks:
    """What the jobs of this worker left behind. They run one at a time."""

    def __init__(self, log: Callable[..., None]) -> None:
        self._log = log
        self._name: str | None = None
        self._id = ""
        self._jobs = 0
        self._levels: dict[str, int] = {}
        self._growth: dict[str, Growth] = {}
        self._changes: dict[str, dict[str, int]] = {}
        tracemalloc.start()
        self._state = State()

    def begin(self, context: Context, frame_bytes: int) -> None:
        """Call it before the handler of a job; `frame_bytes` is the size of what the server sent."""
        late = self._measure(frame_bytes)
        if self._name is not None and late:
            self._count(late)
            text = f"leaks: after the answer of {self._name}{self._id} something changed {'; '.join(late)}"
            self._log("warn", text)
        self._jobs += 1
        self._name = _name_of(context)
        id_ = context.message_id or context.values.get("id") or context.values.get("awsRequestId")
        self._id = f" ({id_})" if id_ else ""

    def end(self) -> None:
        """Call it behind the handler, before the answer: the line is then one of the job's own."""
        now = State()
        changes = now.changes_since(self._state)
        self._state = now
        self._count(changes)
        growth = self._growth.get(self._name or "")
        grown = growth.due() if growth else []
        parts = [f"changed {'; '.join(changes)}"] if changes else []
        if grown:
            parts.append(f"grew: {'; '.join(grown)}")
        if parts:
            self._log("warn", f"leaks: {self._name}{self._id} {', and '.join(parts)}")

    def summary(self) -> None:
        """Logs what all jobs of this worker changed."""
        if self._jobs == 0:
            return
        self._measure(0)
        lines: dict[str, list[str]] = {}
        for name, counts in self._changes.items():
            found = [f"{change} ({count} {'job' if count == 1 else 'jobs'})" for change, count in counts.items()]
            lines.setdefault(name, []).extend(found)
        for name, growth in self._growth.items():
            lines.setdefault(name, []).extend(growth.totals())
        jobs = f"{self._jobs} {'job' if self._jobs == 1 else 'jobs'}"
        if not any(lines.values()):
            self._log("info", f"leaks: {jobs} left nothing behind")
        for name, found in lines.items():
            if found:
                self._log("warn", f"leaks: of {jobs}, those named {name} left behind: {'; '.join(found)}")

    def _measure(self, frame_bytes: int) -> list[str]:
        """Measures what may grow, on behalf of the job before; returns what changed since that job ended."""
        gc.collect()
        found = levels()
        found["memory"] = tracemalloc.get_traced_memory()[0] - frame_bytes
        now = State()
        late = now.changes_since(self._state) if self._jobs else []
        self._state = now
        if self._name is not None:
            if self._name not in self._growth and len(self._growth) < _NAMES_MAX:
                self._growth[self._name] = Growth()
            if self._name in self._growth:
                self._growth[self._name].add(self._levels, found, self._jobs)
        self._levels = found
        return late

    def _count(self, changes: list[str]) -> None:
        name = self._name or ""
        if name not in self._changes and len(self._changes) >= _NAMES_MAX:
            return
        counts = self._changes.setdefault(name, {})
        for change in changes:
            what = change.split(":", 1)[0]
            counts[what] = counts.get(what, 0) + 1


def _name_of(context: Context) -> str:
    job: Any = context.values.get("job")
    return job if isinstance(job, str) and job else context.queue or context.values.get("source") or context.kind
