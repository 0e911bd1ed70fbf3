"""Workers for RelayRunner and RoadRunner servers: `from relayrunner import serve`. No dependencies."""

from typing import TYPE_CHECKING

from .context import Context
from .current import current_context
from .reply import Reply, reply
from .verdict import Verdict, fail, retry, stop
from .web import asgi_handler, wsgi_handler
from .worker import log, serve

if TYPE_CHECKING:
    from .pushing import push, push_all
    from .rpc import RpcError

__all__ = [
    "Context",
    "Reply",
    "RpcError",
    "Verdict",
    "asgi_handler",
    "current_context",
    "fail",
    "log",
    "push",
    "push_all",
    "reply",
    "retry",
    "serve",
    "stop",
    "wsgi_handler",
]

# What pushes is loaded with the first use: most workers push nothing.
_LAZY = {"push": "pushing", "push_all": "pushing", "RpcError": "rpc"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return globals().setdefault(name, getattr(import_module(f"{__name__}.{_LAZY[name]}"), name))
