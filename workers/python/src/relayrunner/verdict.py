"""What a handler may say beside "done": try again, never again, or let me go. Return it or raise it."""

from __future__ import annotations


class Verdict(Exception):
    """A handler's word on its job; `outcome` is the context of the answer."""

    def __init__(self, outcome: dict, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome

    def then_leave(self) -> "Verdict":
        """Returns the same verdict, after which this worker is replaced: `raise retry("no connection").then_leave()`."""
        self.outcome = {**self.outcome, "leave": True}
        return self


def retry(reason: str = "the handler asked for another try", after_ms: int | None = None) -> Verdict:
    """The job is delivered again; not before `after_ms`, where the server owns the queue."""
    after = {} if after_ms is None else {"after_ms": after_ms}
    return Verdict({"outcome": "retry", "reason": reason, **after}, reason)


def fail(reason: str) -> Verdict:
    """No further try will help: the record is left to `lambda.failed`."""
    return Verdict({"outcome": "fail", "reason": reason}, reason)


def stop() -> Verdict:
    """This worker leaves instead of answering; the job goes to another one."""
    return Verdict({"stop": True}, "the worker asked to leave")
