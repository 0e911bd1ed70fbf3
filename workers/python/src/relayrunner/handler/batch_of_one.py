"""Makes an event in its source's own shape from a record of a split batch, and reads a handler's answer to it."""

from __future__ import annotations

import base64
import json
from typing import Any

from ..context import Context

# Keys under which events list their records; Kafka and RabbitMQ list them by partition and by queue.
_LISTS = ("Records", "records", "messages", "rmqMessagesByQueue")
_KAFKA = ("aws:kafka", "SelfManagedKafka", "aws:SelfManagedKafka")


def event_of(body: bytes, job: Context) -> bytes:
    """Returns the event around the record, with the body back in its place."""
    source, record = job.values.get("source"), job.values.get("record") or {}
    envelope = job.values.get("envelope") or _envelope(source, record)
    key = next((one for one in _LISTS if one in envelope), "Records")
    whole = [_whole(source, record, body)]
    place = envelope.get(key)
    envelope[key] = {group: whole for group in place} if isinstance(place, dict) else whole
    return json.dumps(envelope).encode()


def names_failures(result: bytes) -> bool:
    """Tells whether a result has anything in `batchItemFailures`."""
    if b"batchItemFailures" not in result:
        return False
    try:
        value = json.loads(result)
        value = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return False
    return isinstance(value, dict) and bool(value.get("batchItemFailures"))


def _whole(source: str | None, record: dict[str, Any], body: bytes) -> Any:
    if source == "aws:dynamodb":
        return json.loads(body)
    if source == "aws:kinesis":
        return {**record, "kinesis": {**record["kinesis"], "data": _base64(body)}}
    if source in _KAFKA:
        # A tombstone still has its null.
        return record if "value" in record else {**record, "value": _base64(body)}
    if source in ("aws:mq", "aws:amq", "aws:rmq"):
        return {**{key: value for key, value in record.items() if key != "queue"}, "data": _base64(body)}
    return {**record, "body": body.decode()}


def _envelope(source: str | None, record: dict[str, Any]) -> dict[str, Any]:
    """Makes an envelope for a server that sends none."""
    if source in _KAFKA:
        return {"eventSource": source, "records": {f"{record.get('topic')}-{record.get('partition')}": []}}
    if source == "aws:rmq":
        return {"eventSource": source, "rmqMessagesByQueue": {record.get("queue", ""): []}}
    return {"eventSource": source, "messages": []} if source in ("aws:mq", "aws:amq") else {"Records": []}


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
