"""Context of a job, as a handler sees it."""

from __future__ import annotations

import math
import re
import time
from typing import Any


# Names of the server's context in Python's style.
_NAMES = {
    "aws_request_id": "awsRequestId",
    "client_context": "clientContext",
    "deadline_ms": "deadlineMs",
    "envelope": "envelope",
    "function_name": "functionName",
    "function_version": "functionVersion",
    "identity": "identity",
    "invoked_function_arn": "invokedFunctionArn",
    "memory_limit_in_mb": "memoryLimitInMB",
    "record": "record",
    "records": "records",
    "source": "source",
    "tenant_id": "tenantId",
    "trace_id": "traceId",
}


class Context:
    """The context of a job by its names in snake case (`aws_request_id`, `record`) or as they came (`awsRequestId`). Absent values are None."""

    def __init__(self, values: dict) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        """Returns a value of the context: `aws_request_id`, `record`, `source`. Raises AttributeError for a name that no context has."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.values:
            return self.values[name]
        if name not in _NAMES and name not in _NAMES.values():
            raise AttributeError(f"a job's context has no {name!r}; it has {', '.join(sorted(_NAMES))}")
        return self.values.get(_NAMES.get(name, name))

    @property
    def kind(self) -> str:
        """`event`, `record`, `records` or `given_up`."""
        return self.values.get("kind") or "event"

    @property
    def attempt(self) -> int | None:
        """Number of times that the record was received, this one included; None where the source does not count."""
        return self.values.get("attempt")

    @property
    def message_id(self) -> str | None:
        """Id that the queue gave the record."""
        return self._of_record("messageId") or self._of_record("messageID")

    @property
    def receipt_handle(self) -> str | None:
        """Handle with which SQS deletes the record or changes its visibility."""
        return self._of_record("receiptHandle")

    @property
    def queue(self) -> str | None:
        """Name of the queue, stream, table or topic that the record came from."""
        own = self._of_record("topic") or self._of_record("queue") or self._of_record("destination", "physicalName")
        arn = self._of_record("eventSourceARN")
        if own or not isinstance(arn, str):
            return own or self.values.get("queue")
        # For a table's stream, the table.
        table = re.search(r":table/([^/]+)", arn)
        return table[1] if table else re.split("[:/]", arn)[-1]

    @property
    def group(self) -> str | None:
        """SQS's message group, or Kinesis' partition key."""
        return self._of_record("attributes", "MessageGroupId") or self._of_record("kinesis", "partitionKey")

    def remaining_ms(self) -> float:
        """Milliseconds until Lambda's deadline; infinite without one."""
        deadline = self.values.get("deadlineMs")
        return math.inf if deadline is None else deadline - time.time() * 1000

    # Names that all three SDKs share.
    messageId = message_id  # noqa: N815
    receiptHandle = receipt_handle  # noqa: N815
    remainingMs = remaining_ms  # noqa: N815

    def _of_record(self, *path: str) -> Any:
        found: Any = self.values.get("record")
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found
