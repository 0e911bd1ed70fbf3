"""A worker in ten lines: `do` in a record's body says what happens to it; an event is answered with where it came from."""
import json, os, pathlib, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "workers/python/src"))
from relayrunner import fail, log, retry, serve


def handle(body, context):
    log("info", "job", kind=context.kind, source=context.source)
    if context.kind == "event":
        return {"ok": True, "source": context.source, "kind": "event"}
    job = json.loads(body) if body.startswith(b"{") else {}
    match job.get("do"):
        case "throw": raise RuntimeError("told to throw")
        case "die": os._exit(9)
        case "sleep": time.sleep(job["ms"] / 1000)
        case "retry": raise retry("told to retry", 1000)
        case "fail": raise fail("told to fail")


serve(handle)
