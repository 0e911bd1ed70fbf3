"""Workers for RelayRunner and RoadRunner servers: `from relayrunner import serve`. No dependencies."""

from .context import Context
from .current import current_context
from .reply import Reply, reply
from .verdict import Verdict, fail, retry, stop
from .web import asgi_handler, wsgi_handler
from .worker import log, serve

__all__ = [
    "Context",
    "Reply",
    "Verdict",
    "asgi_handler",
    "current_context",
    "fail",
    "log",
    "reply",
    "retry",
    "serve",
    "stop",
    "wsgi_handler",
]
