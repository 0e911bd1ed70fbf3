"""Workers for RelayRunner and RoadRunner servers: `from relayrunner import serve`. No dependencies."""

from .verdict import Verdict, fail, retry, stop
from .worker import Context, log, serve

__all__ = ["Context", "Verdict", "fail", "log", "retry", "serve", "stop"]
