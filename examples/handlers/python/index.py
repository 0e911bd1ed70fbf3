"""An ordinary Lambda handler: nothing of RelayRunner in it. `rr` runs it with `python3 -m relayrunner index.handler`."""


def handler(event, context):
    return {
        "ok": True,
        "requestId": context.aws_request_id,
        "hasTime": context.get_remaining_time_in_millis() > 0,
        "keys": list(event),
    }
