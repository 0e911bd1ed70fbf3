"""Finds the function that a handler string names, in the places and with the error texts of AWS's Python runtimes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any, Callable

from ..errors import message_of
from .faults import FaultException

_OUR_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IMPORT_FILES = (_OUR_FOLDER, "<frozen importlib", os.path.dirname(importlib.__file__) + os.sep)


def prepare_path() -> None:
    """Sets the search path: the function's folder, then PYTHONPATH, then layers, all before Python's own library.

    So a package of a layer wins over the one that comes with the image, as on AWS.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [f"/opt/python/lib/{python}/site-packages", "/opt/python"]
    own = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    behind = max((at for at, entry in enumerate(sys.path) if os.path.abspath(entry or os.curdir) in own), default=-1) + 1
    sys.path[behind:behind] = [folder for folder in layers if os.path.isdir(folder) and folder not in sys.path]
    sys.path.insert(0, os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd())


def find_handler(name: str) -> Callable[..., Any]:
    """Loads the function of `src/index.handler` or `src.index.handler`. Raises FaultException, and whatever the module raises."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        what = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise FaultException(FaultException.MALFORMED_HANDLER_NAME, what)
    found = getattr(_import(module_name), function_name, None)
    if not callable(found):
        what = f"Handler '{function_name}' missing on module '{module_name}'"
        raise FaultException(FaultException.HANDLER_NOT_FOUND, what)
    return found


def fault_lines(error: Exception) -> str:
    """Formats the error of a handler that cannot be loaded: the frames of the user's files, then type and message."""
    if isinstance(error, FaultException):
        kind, message, stack = error.exception_type, error.msg, error.trace or _frames(error.__cause__)
    else:
        kind, message, stack = type(error).__name__, message_of(error), _frames(error)
    head = "Traceback (most recent call last):\n" if stack else ""
    return f"{head}{''.join(line if line.endswith(chr(10)) else line + chr(10) for line in stack)}{kind}: {message}\n"


def _import(name: str) -> Any:
    if name.split(".")[0] in sys.builtin_module_names:
        what = f"Cannot use built-in module {name} as a handler module"
        raise FaultException(FaultException.BUILT_IN_MODULE_CONFLICT, what)
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        what = f"Unable to import module '{name}': {message_of(error)}"
        raise FaultException(FaultException.IMPORT_MODULE_ERROR, what) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        what = f"Syntax error in module '{name}': {message_of(error)}"
        raise FaultException(FaultException.USER_CODE_SYNTAX_ERROR, what, trace) from error


def _frames(error: BaseException | None) -> list[str]:
    if error is None:
        return []
    frames = traceback.extract_tb(error.__traceback__)
    return traceback.format_list([frame for frame in frames if not frame.filename.startswith(_IMPORT_FILES)])
