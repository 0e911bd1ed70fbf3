"""Modules that AWS's Python runtimes have and functions import: `awslambdaric`, under whose names instrumentation finds what runs
here, and `snapshot_restore_py`, whose hooks are SnapStart's."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any, Callable

from .. import encoding
from . import faults, lambda_context, marshaller, runtime_client


def install(bootstrap: ModuleType) -> None:
    """Makes the modules importable. An installed `snapshot_restore_py` is kept."""
    package = ModuleType("awslambdaric", "The modules of RelayRunner's loader, under the names of AWS's client.")
    package.__path__ = []
    sys.modules["awslambdaric"] = package
    marshalling = ModuleType("awslambdaric.lambda_runtime_marshaller")
    marshalling.LambdaMarshaller, marshalling.to_json = marshaller.LambdaMarshaller, _to_text
    parts = {
        "bootstrap": bootstrap,
        "lambda_context": lambda_context,
        "lambda_runtime_client": runtime_client,
        "lambda_runtime_exception": faults,
        "lambda_runtime_marshaller": marshalling,
    }
    for name, module in parts.items():
        setattr(package, name, module)
        sys.modules[f"awslambdaric.{name}"] = module
    if importlib.util.find_spec("snapshot_restore_py") is None:
        sys.modules["snapshot_restore_py"] = _snapshot_module()


def snapshot_hooks() -> dict[str, Callable[[], None]]:
    """Returns the hooks that the function registered, for `serve`; an empty dict when there are none."""
    module = sys.modules.get("snapshot_restore_py")
    if module is None:
        return {}
    before, after = module.get_before_snapshot(), module.get_after_restore()

    def run_before() -> None:
        # In the reverse order of their registration, as AWS does.
        for function, args, kwargs in reversed(list(before)):
            function(*args, **kwargs)

    def run_after() -> None:
        for function, args, kwargs in list(after):
            function(*args, **kwargs)

    return {"before_snapshot": run_before, "after_restore": run_after} if before or after else {}


def _to_text(value: Any) -> str:
    return encoding.to_json(value).decode()


def _snapshot_module() -> ModuleType:
    module = ModuleType("snapshot_restore_py", "Registers what SnapStart's hooks run.")
    before: list[tuple] = []
    after: list[tuple] = []

    def register_before_snapshot(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        before.append((func, args, kwargs))
        return func

    def register_after_restore(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        after.append((func, args, kwargs))
        return func

    module.register_before_snapshot, module.register_after_restore = register_before_snapshot, register_after_restore
    module.get_before_snapshot, module.get_after_restore = (lambda: before), (lambda: after)
    return module
