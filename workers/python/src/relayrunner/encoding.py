"""Encodes results as JSON like AWS's client for Python, whose encoder is simplejson, but without dependencies.

Beside what `json` knows: decimals are numbers with all their digits, whatever has `_asdict` (named tuples) is an object, bytes
within a value are text. Texts are UTF-8, as on AWS since Python 3.12; a lone surrogate, which UTF-8 does not have, stays escaped.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from decimal import Decimal
from typing import Any

# `json` cannot write a number of ours: a decimal goes through it as a text that no result can hold, and is unquoted behind it.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(f'"{_MARK}([^"]*)"')
_SURROGATE = re.compile("[\ud800-\udfff]")
_LEAVES = frozenset((str, int, float, bool, type(None)))


def to_json(value: Any) -> bytes:
    """Encodes the value as JSON in UTF-8. Raises what simplejson raises: TypeError, ValueError, UnicodeDecodeError, RecursionError."""
    encoder = _Encoder(ensure_ascii=False)
    text = encoder.encode(_without_tuples(value))
    if encoder.has_decimals:
        text = _MARKED.sub(r"\1", text)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


class _Encoder(json.JSONEncoder):
    has_decimals = False

    def default(self, o: Any) -> Any:
        if isinstance(o, Decimal):
            return math.nan if o.is_nan() else self._marked(o)
        if isinstance(o, bytes):
            return str(o, "utf-8")
        as_dict = getattr(o, "_asdict", None)
        return as_dict() if callable(as_dict) else super().default(o)

    def _marked(self, number: Decimal) -> str:
        self.has_decimals = True
        return f"{_MARK}{number}"


def _without_tuples(value: Any) -> Any:
    """Replaces named tuples by dicts; returns the value itself when it holds none. `json` would write them as lists."""
    try:
        return value if _is_plain(value) else _converted(value)
    except RecursionError:
        # Circular, or too deep: the encoder raises the right error.
        return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is not bytes for key in value) and all(
            type(item) in _LEAVES or _is_plain(item) for item in value.values()
        )
    if isinstance(value, (list, tuple)):
        return not hasattr(value, "_asdict") and all(type(item) in _LEAVES or _is_plain(item) for item in value)
    return True


def _converted(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _converted(item) for key, item in value.items()}
    if isinstance(value, tuple) and callable(getattr(value, "_asdict", None)):
        return _converted(value._asdict())
    return [_converted(item) for item in value] if isinstance(value, (list, tuple)) else value


def _key(key: Any) -> Any:
    return str(key, "utf-8") if isinstance(key, bytes) else key
