"""Ships the orders of a standard queue: they come side by side, in any order, and any of them may come twice."""
import json
import os
import pathlib
import re
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "workers/python/src"))
from relayrunner import fail, log, retry, serve

folder = pathlib.Path(os.environ.get("STORE", "var")) / "shipped"
folder.mkdir(parents=True, exist_ok=True)


def handle(body, context):
    if context.kind == "event":
        raise TypeError("this worker takes records of a queue")
    order = read_order(body)
    # A producer that sends an order twice gives both the same key; without one, SQS's own second delivery is still known.
    key = order.get("key") or context.record["messageId"]
    label = label_of(order, context.attempt)
    if once(key, {"key": key, "label": label}):
        log("info", "shipped", key=key, label=label)
    else:
        log("info", "shipped before", key=key)


def read_order(body):
    """What can never be shipped is given up at once: a dead letter, not five more tries."""
    try:
        order = json.loads(body)
    except ValueError:
        raise fail("the body is no JSON")
    if not isinstance(order, dict) or not isinstance(order.get("items"), list) or not order["items"]:
        raise fail("an order without items")
    if "key" in order and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(order["key"])):
        raise fail("a key that is none")
    return order


def label_of(order, attempt):
    label = f"{order['carrier']}, {len(order['items'])} items"
    match order["carrier"]:
        case "post":
            return label
        case "express":
            # Express is overrun at first: waiting longer each time is kinder than the queue's fixed time.
            if attempt < 3:
                raise retry("express takes nothing now", 1000 * 2**attempt)
            return label
        case other:
            raise LookupError(f'no carrier "{other}"')


def once(key, entry):
    """Keeps the entry, complete or not at all, and only for the first of all who try: your database's unique index."""
    draft = folder / f".{uuid.uuid4()}"
    draft.write_text(json.dumps(entry))
    try:
        os.link(draft, folder / f"{key}.json")
        return True
    except FileExistsError:
        return False
    finally:
        draft.unlink()


serve(handle)
