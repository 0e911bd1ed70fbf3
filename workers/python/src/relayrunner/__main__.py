"""Runs an ordinary Lambda handler unchanged: `python -m relayrunner index.handler`, from LAMBDA_TASK_ROOT or here."""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
from typing import Any

from .verdict import retry
from .worker import Context, serve


class LambdaContext:
    """What ordinary handlers know as `context`."""

    def __init__(self, job: Context) -> None:
        values = job.values
        self.aws_request_id = values.get("awsRequestId")
        self.function_name = values.get("functionName")
        self.function_version = values.get("functionVersion")
        self.invoked_function_arn = values.get("invokedFunctionArn")
        self.memory_limit_in_mb = values.get("memoryLimitInMB")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = values.get("clientContext")
        self.identity = values.get("identity")
        self.tenant_id = values.get("tenantId")
        self._job = job

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda's deadline, never below 0."""
        return int(max(0, min(self._job.remaining_ms(), sys.maxsize)))


def load(name: str) -> Any:
    """`src/index.handler` → the function. Raises with Lambda's own words for what is missing."""
    folder = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    sys.path.insert(0, folder)
    path, _, attribute = name.rpartition(".")
    try:
        module = importlib.import_module(path.replace("/", "."))
    except ImportError as error:
        raise SystemExit(f"Runtime.ImportModuleError: {error} (looked for {path} in {folder})") from error
    if not callable(getattr(module, attribute, None)):
        raise SystemExit(f"Runtime.HandlerNotFound: {path} has no function {attribute}")
    return getattr(module, attribute)


def batch_of_one(body: bytes, job: Context) -> dict:
    """The event of a record: a batch of one, with the body back in its place."""
    source, record = job.values.get("source"), job.values.get("record") or {}
    if source == "aws:dynamodb":
        return {"Records": [json.loads(body)]}
    if source == "aws:kinesis":
        return {"Records": [{**record, "kinesis": {**record["kinesis"], "data": base64.b64encode(body).decode()}}]}
    return {"Records": [{**record, "body": body.decode()}]}


def main() -> None:
    """Serves the handler that the command line, or `_HANDLER`, names."""
    handler = load(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("_HANDLER", ""))

    def run(body: bytes, job: Context) -> Any:
        if job.values.get("traceId"):
            os.environ["_X_AMZN_TRACE_ID"] = job.values["traceId"]
        is_record = job.kind == "record"
        event = batch_of_one(body, job) if is_record else json.loads(body or b"null")
        result = handler(event, LambdaContext(job))
        if is_record and isinstance(result, dict) and result.get("batchItemFailures"):
            return retry("the handler named the record in batchItemFailures")
        return json.dumps(result)

    serve(run)


if __name__ == "__main__":
    main()
