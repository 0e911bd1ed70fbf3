"""The `context` of ordinary handlers, with the attributes, types and texts of AWS's client for Python."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any


class _Shown:
    """Shows itself by its attributes."""

    _shown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        values = ",".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{type(self).__name__}([{values}])"


class CognitoIdentity(_Shown):
    """Amazon Cognito identity of the caller; both attributes are None without one."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")
    _shown = __slots__


class Client(_Shown):
    """Mobile app of the caller."""

    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    _shown = __slots__


class ClientContext(_Shown):
    """Client context that the caller sent with the event."""

    __slots__ = ("custom", "env", "client")
    _shown = __slots__


class LambdaContext(_Shown):
    """The `context` of one event."""

    _shown = (
        "aws_request_id",
        "log_group_name",
        "log_stream_name",
        "function_name",
        "memory_limit_in_mb",
        "function_version",
        "invoked_function_arn",
        "client_context",
        "identity",
        "tenant_id",
    )

    def __init__(
        self,
        invoke_id: str | None,
        client_context: dict | None,
        cognito_identity: dict | None,
        epoch_deadline_time_in_ms: int | None,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        self.aws_request_id = invoke_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self.client_context = _made(ClientContext, client_context)
        if self.client_context is not None:
            self.client_context.client = _made(Client, self.client_context.client)
        self.identity = _made(CognitoIdentity, {})
        if cognito_identity is not None:
            self.identity.cognito_identity_id = cognito_identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = cognito_identity.get("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda's deadline, at least 0; a very large number without a deadline."""
        if self._epoch_deadline_time_in_ms is None:
            return sys.maxsize
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, msg: Any) -> None:
        """Writes a line to the log."""
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(msg))
                return
        sys.stdout.write(str(msg))


def _made(kind: type, values: dict | None) -> Any:
    """Makes an object from a JSON object, with None for missing values; None for None."""
    if values is None:
        return None
    made = kind()
    for name in kind.__slots__:
        setattr(made, name, values.get(name))
    return made
