"""Runs an ordinary Lambda handler unchanged: `python -m relayrunner index.handler`, from LAMBDA_TASK_ROOT or here."""

from __future__ import annotations

import os
import sys

# Instrumentation looks for `bootstrap` in this module, as it would in AWS's.
from .handler import bootstrap

if __name__ == "__main__":
    bootstrap.run(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("_HANDLER", ""))
