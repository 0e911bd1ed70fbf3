"""Describes whatever a handler raised, as Lambda's callers know errors. Never raises, not even for an unprintable exception."""

from __future__ import annotations

import asyncio
import os
import traceback
from typing import Any

STACK_LINES_MAX = 50
MESSAGE_CHARACTERS_MAX = 200_000
CAUSES_MAX = 5

# Frames of these folders lead to the handler and say nothing about the error.
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ASYNCIO = os.path.dirname(os.path.abspath(asyncio.__file__)) + os.sep


def describe(error: BaseException) -> dict:
    """Returns `errorType`, `errorMessage`, `stackTrace`, and `cause` of the same shape where there is one."""
    return _described(error, CAUSES_MAX, {id(error)})


def message_of(error: BaseException) -> str:
    """Returns the exception's text, cut at MESSAGE_CHARACTERS_MAX; a fixed text when its `__str__` fails."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - its own __str__ failed, however
        return f"<unprintable {type(error).__name__} object>"
    return text if len(text) <= MESSAGE_CHARACTERS_MAX else f"{text[:MESSAGE_CHARACTERS_MAX]}… ({len(text)} characters)"


def frames_of(error: BaseException) -> list[str]:
    """Returns the last STACK_LINES_MAX frames in Python's format, the handler's first."""
    try:
        # Without columns: AWS's client has no `^^^^` below a line.
        frames = [(one.filename, one.lineno, one.name, one.line) for one in traceback.extract_tb(error.__traceback__)]
        first = next((at for at, (filename, *_) in enumerate(frames) if not _is_plumbing(filename)), 0)
        return traceback.format_list(frames[first:])[-STACK_LINES_MAX:]
    except Exception:  # noqa: BLE001 - a source file that cannot be read, a frame of somebody's making
        return []


def _is_plumbing(filename: str) -> bool:
    return filename.startswith((_OURS, _ASYNCIO))


def _described(error: BaseException, causes_left: int, seen: set[int]) -> dict:
    told: dict[str, Any] = {
        "errorType": type(error).__name__,
        "errorMessage": message_of(error),
        "stackTrace": frames_of(error),
    }
    cause = _cause_of(error)
    if cause is not None and causes_left > 0 and id(cause) not in seen:
        told["cause"] = _described(cause, causes_left - 1, seen | {id(cause)})
    return told


def _cause_of(error: BaseException) -> BaseException | None:
    """Returns the exception that Python would print above this one; for a group without one, its first member."""
    try:
        if error.__cause__ is not None:
            return error.__cause__
        if error.__context__ is not None and not error.__suppress_context__:
            return error.__context__
        members = getattr(error, "exceptions", None)
    except Exception:  # noqa: BLE001 - a property of its own class raised
        return None
    first = members[0] if isinstance(members, tuple) and members else None
    return first if isinstance(first, BaseException) else None
