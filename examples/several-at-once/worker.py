"""Runs many jobs in one process: each waits for something else, and is cancelled at its limit."""
import asyncio
import json

from relayrunner import log, serve


async def handle(body, context):
    wait_ms = json.loads(body).get("waitMs", 100)
    await asyncio.sleep(wait_ms / 1000)
    log("info", "waited", waitMs=wait_ms)


serve(handle, concurrency=100)
