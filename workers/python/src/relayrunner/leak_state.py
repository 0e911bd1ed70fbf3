"""State of the process that one job can leave for the next, and levels of what may grow.

Values of the environment are compared and never told, as they may be secrets.
"""

from __future__ import annotations

import decimal
import locale
import logging
import os
import signal
import socket
import sys
import sysconfig
import threading
import time
import types
import warnings
from typing import Any

# What the worker itself sets for each job.
_OURS = frozenset(("_X_AMZN_TRACE_ID",))
_LIBRARY = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_PACKAGE = __name__.rpartition(".")[0]
_SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGCHLD", "SIGALRM")


class State:
    """A snapshot."""

    def __init__(self) -> None:
        root = logging.getLogger()
        self._values: dict[str, Any] = {
            "working directory": _working_directory(),
            "locale": _locale(),
            "time zone": "/".join(time.tzname),
            "umask": _umask(),
            "sys.excepthook": sys.excepthook,
            "threading.excepthook": threading.excepthook,
            "sys.stdout": sys.stdout,
            "sys.stderr": sys.stderr,
            "recursion limit": sys.getrecursionlimit(),
            "socket timeout": socket.getdefaulttimeout(),
            "decimal precision": decimal.getcontext().prec,
            "root log level": logging.getLevelName(root.level),
            "root log handlers": len(root.handlers),
            "warning filters": len(warnings.filters),
            "trace function": sys.gettrace(),
            **{f"handler of {name}": signal.getsignal(getattr(signal, name)) for name in _SIGNALS if hasattr(signal, name)},
        }
        self._environment = {name: hash(value) for name, value in os.environ.items() if name not in _OURS}
        self._path = tuple(sys.path)

    def changes_since(self, earlier: "State") -> list[str]:
        """Returns what differs from an earlier state, each as `what: from → to`."""
        changes = [
            f"{what}: {_text(earlier._values[what])} → {_text(value)}"
            for what, value in self._values.items()
            if value != earlier._values[what]
        ]
        names = _names(earlier._environment, self._environment)
        if names:
            changes.append(f"environment: {names}")
        if self._path != earlier._path:
            changes.append(f"sys.path: {_names(dict.fromkeys(earlier._path), dict.fromkeys(self._path)) or 'in another order'}")
        return changes


def levels() -> dict[str, int]:
    """Returns the number of open descriptors and threads, and the sizes of collections that modules of the application hold."""
    found = {"threads": threading.active_count()}
    try:
        found["descriptors"] = len(os.listdir("/proc/self/fd"))
    except OSError:
        # The system does not list them.
        pass
    for name, module in list(sys.modules.items()):
        if _is_of_application(name, module):
            _add_collections(name, vars(module), found)
    return found


def _is_of_application(name: str, module: Any) -> bool:
    if not isinstance(module, types.ModuleType) or name == _PACKAGE or name.startswith(f"{_PACKAGE}."):
        return False
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and ("site-packages" in file or not file.startswith(_LIBRARY))


def _add_collections(place: str, members: Any, found: dict[str, int]) -> None:
    for name, value in list(members.items()):
        if name.startswith("__"):
            continue
        if type(value) in (list, dict, set):
            found[f"{place}.{name}"] = len(value)
        elif isinstance(value, type) and value.__module__ == place:
            for own, inner in list(vars(value).items()):
                if type(inner) in (list, dict, set):
                    found[f"{place}.{name}.{own}"] = len(inner)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "(removed)"


def _locale() -> str:
    """The locale, or of one that is set by category those other than C."""
    parts = locale.setlocale(locale.LC_ALL).split(";")
    return " ".join(part for part in parts if not part.endswith("=C")) or "C"


def _umask() -> str:
    """Reads it from the system: os.umask() could only tell it by changing it, for all threads."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next((line.split()[1] for line in status if line.startswith("Umask:")), "")
    except OSError:
        return ""


def _names(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Names the members that were added (+), removed (-) and changed (~)."""
    added = [f"+{name}" for name in after if name not in before]
    removed = [f"-{name}" for name in before if name not in after]
    changed = [f"~{name}" for name in after if name in before and before[name] != after[name]]
    return " ".join([*added, *removed, *changed])


def _text(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, (str, int, float)):
        return str(value)
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else type(value).__qualname__
