"""Runs an ordinary Lambda handler. Has the shape of `awslambdaric.bootstrap`, because instrumentation (Sentry and others) puts
functions of its own in the place of `handle_event_request` and of the methods of `LambdaRuntimeClient`: so they are looked up for
each event, and called with AWS's parameters."""

from __future__ import annotations

import inspect
import json
import os
import sys
from typing import Any, Callable

from . import aws_modules
from .batch_of_one import event_of, names_failures
from ..context import Context
from ..encoding import to_json
from ..errors import describe
from .faults import FaultException
from .file import fault_lines, find_handler, prepare_path
from .lambda_context import LambdaContext
from ..reply import Reply
from .root_logger import CurrentEvent, StandardLogSink, set_up_logging
from .runtime_client import LambdaRuntimeClient
from ..verdict import Verdict, retry
from ..worker import serve


def run(name: str) -> None:
    """Serves the handler of this name; ends the process with 1 and the reason when it cannot be loaded."""
    os.environ.setdefault("_HANDLER", name)
    prepare_path()
    aws_modules.install(sys.modules[__name__])
    log_sink = set_up_logging()
    try:
        handler = find_handler(name)
    except Exception as error:  # noqa: BLE001 - whatever the module raises as it loads
        sys.stderr.write(fault_lines(error))
        sys.exit(1)
    serve(_job_runner(handler, log_sink), **aws_modules.snapshot_hooks())


def handle_event_request(
    lambda_runtime_client: LambdaRuntimeClient,
    request_handler: Callable[..., Any],
    invoke_id: str | None,
    event_body: bytes,
    content_type: str,
    client_context_json: str | None,
    cognito_identity_json: str | None,
    invoked_function_arn: str | None,
    epoch_deadline_time_in_ms: int | None,
    tenant_id: str | None,
    log_sink: StandardLogSink,
) -> None:
    """Calls the handler and posts its result or error. Raises verdicts, and exceptions that are not an Exception."""
    try:
        context = create_lambda_context(
            client_context_json,
            cognito_identity_json,
            epoch_deadline_time_in_ms,
            invoke_id,
            invoked_function_arn,
            tenant_id,
        )
        event = lambda_runtime_client.marshaller.unmarshal_request(event_body, content_type)
        response = request_handler(event, context)
        if inspect.isawaitable(response):
            response = lambda_runtime_client.wait_for(response)
        if isinstance(response, (Verdict, Reply)):
            lambda_runtime_client.answer = response
            return
        result, result_type = lambda_runtime_client.marshaller.marshal_response(response)
    except Verdict:
        raise
    except FaultException as fault:
        told = {"errorType": fault.exception_type, "errorMessage": fault.msg, "stackTrace": fault.trace or []}
        lambda_runtime_client.post_invocation_error(invoke_id, to_json(told).decode(), "")
    except Exception as error:  # noqa: BLE001 - whatever the handler raises is the event's error
        lambda_runtime_client.post_invocation_error(invoke_id, to_json(describe(error)).decode(), "")
    else:
        lambda_runtime_client.post_invocation_result(invoke_id, result, result_type)


def create_lambda_context(
    client_context_json: str | None,
    cognito_identity_json: str | None,
    epoch_deadline_time_in_ms: int | None,
    invoke_id: str | None,
    invoked_function_arn: str | None,
    tenant_id: str | None,
) -> LambdaContext:
    """Returns the handler's `context`. Raises FaultException for a header that is not JSON."""
    client_context = _parsed(client_context_json, "Client Context")
    identity = _parsed(cognito_identity_json, "Cognito Identity")
    return LambdaContext(invoke_id, client_context, identity, epoch_deadline_time_in_ms, invoked_function_arn, tenant_id)


def _job_runner(handler: Callable[..., Any], log_sink: StandardLogSink) -> Callable[[bytes, Context], Any]:
    def run_job(body: bytes, job: Context) -> Any:
        values = job.values
        client = LambdaRuntimeClient()
        CurrentEvent.request_id, CurrentEvent.tenant_id = values.get("awsRequestId"), values.get("tenantId")
        is_record = job.kind in ("record", "given_up")
        handle_event_request(
            client,
            handler,
            values.get("awsRequestId"),
            event_of(body, job) if is_record else body or b"null",
            "application/json",
            _as_header(values.get("clientContext")),
            _as_header(values.get("identity")),
            values.get("invokedFunctionArn"),
            values.get("deadlineMs"),
            values.get("tenantId"),
            log_sink,
        )
        result = client.take_answer()
        if is_record and isinstance(result, bytes) and names_failures(result):
            return retry("the handler named the record in batchItemFailures")
        return result

    return run_job


def _as_header(value: Any) -> str | None:
    """Returns a header as Lambda sent it: the server parses it, and passes the text on where it is not JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _parsed(header: str | None, name: str) -> Any:
    if not header:
        return None
    try:
        return json.loads(header)
    except ValueError as error:
        what = f"Unable to parse {name} JSON: {error}"
        raise FaultException(FaultException.LAMBDA_CONTEXT_UNMARSHAL_ERROR, what) from error
