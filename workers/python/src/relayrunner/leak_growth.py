"""Growth by the jobs of one name. A cache that is filled once does not count.

Growth is told when each of five jobs in a row added to it, and again when their number has doubled. The first three jobs of a worker do
not count.
"""

from __future__ import annotations

_WARM_UP = 3
_ROW = 5
# Less a job is noise.
_MEMORY_MIN = 2048
_MEGABYTE = 1024 * 1024


class Growth:
    """Rows of jobs that each added to something."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, int]] = {}
        self._told: dict[str, tuple[int, int]] = {}
        self._due: list[str] = []

    def add(self, before: dict[str, int], after: dict[str, int], job: int) -> None:
        """Adds what one job did. `job` is its number in the worker, from 1."""
        if job <= _WARM_UP:
            return
        rows: dict[str, tuple[int, int]] = {}
        for what, level in after.items():
            # What is seen for the first time has grown from nothing.
            by = level - before.get(what, 0)
            if by < (_MEMORY_MIN if what == "memory" else 1):
                continue
            count, total = self._rows.get(what, (0, 0))
            rows[what] = (count + 1, total + by)
            if what in self._told:
                told = self._told[what]
                self._told[what] = (told[0] + 1, told[1] + by)
            self._tell(what, count + 1, total + by)
        self._rows = rows

    def due(self) -> list[str]:
        """Returns, once, what is to be told by now."""
        due, self._due = self._due, []
        return due

    def totals(self) -> list[str]:
        """Returns what was told, with the sums."""
        return [f"{_text(what, total)} over {count} jobs" for what, (count, total) in self._told.items()]

    def _tell(self, what: str, count: int, total: int) -> None:
        rows = count // _ROW
        if count % _ROW or rows & (rows - 1):
            return
        self._told.setdefault(what, (count, total))
        self._due.append(f"{_text(what, total)} over {count} jobs in a row")


def _text(what: str, total: int) -> str:
    if what != "memory":
        return f"{what} by {total}"
    return f"memory by {total // 1024} KB" if total < 10 * _MEGABYTE else f"memory by {total // _MEGABYTE} MB"
