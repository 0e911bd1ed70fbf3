"""Keeps accounts from a FIFO queue: an account is a message group, so its movements arrive in order, one at a time."""
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "workers/python/src"))
from relayrunner import fail, log, retry, serve

folder = pathlib.Path(os.environ.get("STORE", "var")) / "ledger"
folder.mkdir(parents=True, exist_ok=True)


def handle(body, context):
    if context.kind == "event":
        raise TypeError("this worker takes records of a queue")
    account, number, amount = read_movement(body)
    # The order is guaranteed only within a group.
    group = context.record["attributes"]["MessageGroupId"]
    if group != account:
        raise fail(f"a movement of {account} in the group {group}")
    ledger = load(account)
    following = len(ledger["amounts"]) + 1
    if number < following:
        log("info", "applied before", account=account, number=number)
        return
    if number > following:
        raise retry(f"movement {number} of {account} is here before {following}")
    balance = ledger["balance"] + amount
    if balance < 0:
        raise fail(f"{account} would be overdrawn")
    save({"account": account, "balance": balance, "amounts": [*ledger["amounts"], amount]})
    log("info", "applied", account=account, number=number)


def read_movement(body):
    try:
        movement = json.loads(body)
    except ValueError:
        raise fail("the body is not JSON")
    match movement:
        case {"account": str(account)} if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", account):
            number, amount = movement.get("number"), movement.get("amount")
        case _:
            raise fail("a movement without an account")
    if type(number) is not int or type(amount) is not int:
        raise fail(f"a movement of {account} without numbers")
    return account, number, amount


def load(account):
    file = folder / f"{account}.json"
    if not file.exists():
        return {"account": account, "balance": 0, "amounts": []}
    # The ledger cannot be read. After this error the movement and all later ones of its group are delivered again.
    return json.loads(file.read_text())


def save(ledger):
    """Replaces the file by one rename: if the worker dies before it, the ledger is unchanged and the movement is delivered again."""
    draft = folder / f".{ledger['account']}.draft"
    draft.write_text(json.dumps(ledger))
    draft.replace(folder / f"{ledger['account']}.json")


serve(handle)
