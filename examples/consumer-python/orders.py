"""Ships the orders of a standard queue: they arrive in parallel, in any order, and possibly twice."""
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
    # A producer that sends an order twice gives both the same key. Without a key, a second delivery by SQS is still detected.
    key = order.get("key") or context.record["messageId"]
    label = label_of(order, context.attempt)
    if once(key, {"key": key, "label": label}):
        log("info", "shipped", key=key, label=label)
    else:
        log("info", "shipped before", key=key)


def read_order(body):
    """Gives up at once an order that can never be shipped: it goes to the dead-letter queue without five more attempts."""
    try:
        order = json.loads(body)
    except ValueError:
        raise fail("the body is not JSON")
    if not isinstance(order, dict) or not isinstance(order.get("items"), list) or not order["items"]:
        raise fail("an order without items")
    if "key" in order and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", str(order["key"])):
        raise fail("an invalid key")
    return order


def label_of(order, attempt):
    label = f"{order['carrier']}, {len(order['items'])} items"
    match order["carrier"]:
        case "post":
            return label
        case "express":
            # Express is overloaded at first: a wait that grows with each attempt is better than the queue's fixed time.
            if attempt < 3:
                raise retry("express takes nothing now", 1000 * 2**attempt)
            return label
        case other:
            raise LookupError(f'no carrier "{other}"')


def once(key, entry):
    """Writes the entry completely or not at all, and only for the first caller, like a unique index of a database."""
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
