"""Decodes events and encodes results. A function may replace it by an object with these two methods, as on AWS."""

from __future__ import annotations

import json
from typing import Any

from ..encoding import to_json
from .faults import FaultException


class LambdaMarshaller:
    """Default marshaller: JSON in both directions; bytes as a result are sent unchanged."""

    def unmarshal_request(self, request: bytes, content_type: str | None = "application/json") -> Any:
        """Decodes the event. Raises FaultException when it is not JSON."""
        if content_type != "application/json":
            return request
        try:
            return json.loads(request)
        except Exception as error:
            raise FaultException(FaultException.UNMARSHAL_ERROR, f"Unable to unmarshal input: {error}") from error

    def marshal_response(self, response: Any) -> tuple[bytes, str]:
        """Returns the encoded result and its content type. Raises FaultException when JSON cannot express it."""
        if isinstance(response, bytes):
            return response, "application/unknown"
        try:
            return to_json(response), "application/json"
        except Exception as error:
            raise FaultException(FaultException.MARSHAL_ERROR, f"Unable to marshal response: {error}") from error
