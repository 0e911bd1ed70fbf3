"""Verdicts beside "done": retry, fail, or stop this worker. A handler returns or raises one."""

from __future__ import annotations


class Verdict(Exception):
    """A handler's verdict on its job; `outcome` is the context of the answer."""

    def __init__(self, outcome: dict, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome

    def then_leave(self) -> "Verdict":
        """Returns the same verdict, after which this worker is replaced: `raise retry("no connection").then_leave()`."""
        self.outcome = {**self.outcome, "leave": True}
        return self


def retry(reason: str = "the handler asked for another try", after_ms: int | None = None) -> Verdict:
    """Makes the verdict that the job is to be delivered again; not before `after_ms`, where the server owns the queue."""
    after = {} if after_ms is None else {"after_ms": after_ms}
    return Verdict({"outcome": "retry", "reason": reason, **after}, reason)


def fail(reason: str) -> Verdict:
    """Makes the verdict that no further try will help: `lambda.failed` decides what becomes of the record."""
    return Verdict({"outcome": "fail", "reason": reason}, reason)


def stop() -> Verdict:
    """Makes this worker leave instead of answering; the job goes to another one."""
    return Verdict({"stop": True}, "the worker asked to leave")
