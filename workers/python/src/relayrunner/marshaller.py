"""Events from bytes and results to JSON. A function may put an object with these two methods in its place, as on AWS."""

from __future__ import annotations

import json
from typing import Any

from .encoding import to_json
from .faults import FaultException


class LambdaMarshaller:
    """The default: JSON in both directions; bytes as a result go out as they are."""

    def unmarshal_request(self, request: bytes, content_type: str | None = "application/json") -> Any:
        """The event. Raises FaultException when it is no JSON."""
        if content_type != "application/json":
            return request
        try:
            return json.loads(request)
        except Exception as error:
            raise FaultException(FaultException.UNMARSHAL_ERROR, f"Unable to unmarshal input: {error}") from error

    def marshal_response(self, response: Any) -> tuple[bytes, str]:
        """The result and its content type. Raises FaultException when it cannot be JSON."""
        if isinstance(response, bytes):
            return response, "application/unknown"
        try:
            return to_json(response), "application/json"
        except Exception as error:
            raise FaultException(FaultException.MARSHAL_ERROR, f"Unable to marshal response: {error}") from error
