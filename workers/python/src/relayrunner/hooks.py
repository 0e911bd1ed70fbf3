"""What a worker wants to be told between jobs. What it announces is all that the server ever sends."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from .relay import CONTROL, ERROR, Relay


class Hooks:
    """The worker's functions; each may be absent."""

    def __init__(
        self,
        on_thaw: Callable[[int], Any] | None,
        before_snapshot: Callable[[], Any] | None,
        after_restore: Callable[[], Any] | None,
        log: Callable[..., None],
        takes_given_up: bool = False,
    ) -> None:
        self._takes_given_up = takes_given_up
        self._on_thaw = on_thaw
        self._snapshot = {"before": before_snapshot, "after": after_restore}
        self._log = log

    def features(self) -> list[str]:
        """For the PID reply."""
        takes_part = any(self._snapshot.values())
        given_up = ["given_up"] if self._takes_given_up else []
        return (["thaw"] if self._on_thaw else []) + (["snapshot"] if takes_part else []) + given_up

    def run(self, relay: Relay, message: dict, payload: bytes) -> None:
        """Runs what a message asks for. A snapshot's is answered with the message, or an ERROR frame."""
        if "thaw" in message and self._on_thaw:
            try:
                self._on_thaw(int(message["thaw"]["gap_ms"]))
            except Exception:  # noqa: BLE001 - it fails no job
                self._log("error", "the hook on_thaw failed", error=traceback.format_exc())
        if "snapshot" not in message:
            return
        try:
            hook = self._snapshot.get(message["snapshot"])
            if hook:
                hook()
            relay.write(CONTROL, bytes(payload))
        except Exception:  # noqa: BLE001 - the server tells Lambda
            relay.write(ERROR, traceback.format_exc().encode())
