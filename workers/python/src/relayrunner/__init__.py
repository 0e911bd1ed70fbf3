"""Workers for RelayRunner and RoadRunner servers: `from relayrunner import serve`. No dependencies."""

from .reply import Reply, reply
from .verdict import Verdict, fail, retry, stop
from .worker import Context, log, serve

__all__ = ["Context", "Reply", "Verdict", "fail", "log", "reply", "retry", "serve", "stop"]
