"""Answers HTTP: a job's context is the head of the request, a job's body its body; the reply has the same form."""
import base64
import json
import pathlib
import sys
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "workers/python/src"))
from relayrunner import reply, serve

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def handle(body, context):
    request = context.values
    route = ROUTES.get(urlsplit(request["uri"]).path)
    if route is None:
        return as_json({"error": "no such page"}, 404)
    handler = route.get(request["method"])
    if handler is None:
        return as_json({"error": "not with this method"}, 405, {"Allow": list(route)})
    return handler(request, body)


def hello(request, body):
    name = parse_qs(request["rawQuery"], keep_blank_values=True).get("name", ["world"])[-1]
    return reply(f"hello {name}", {"status": 200, "headers": {"Content-Type": ["text/plain; charset=utf-8"]}})


def form(request, body):
    """Reads a parsed form: the body has its fields as JSON, `a[b]=1` as a nested object; an empty form has an empty body."""
    if not request["parsed"]:
        return as_json({"error": "send a form"}, 415)
    return as_json(json.loads(body or b"{}"))


def upload(request, body):
    """Handles uploaded files. They exist at `tmpName` until the reply is sent; move those that you want to keep."""
    match request["uploads"]:
        case {"file": {"error": 0, "name": name, "size": size}}:
            return as_json({"name": name, "size": size})
        case _:
            return as_json({"error": 'send a file in the field "file"'}, 400)


def binary(request, body):
    return reply(base64.b64decode(PIXEL), {"status": 200, "headers": {"Content-Type": ["image/png"]}})


def cookies(request, body):
    """Sets headers with several values, which Set-Cookie needs. Cookies of the request are already decoded."""
    return as_json(request["cookies"] or {}, 200, {"Set-Cookie": ["seen=1; Path=/; HttpOnly", "theme=dark; Path=/"]})


def as_json(value, status=200, headers=None):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return reply(text, {"status": status, "headers": {"Content-Type": ["application/json"], **(headers or {})}})


ROUTES = {
    "/hello": {"GET": hello},
    "/form": {"POST": form},
    "/upload": {"POST": upload},
    "/binary": {"GET": binary},
    "/cookies": {"GET": cookies},
}
serve(handle)
