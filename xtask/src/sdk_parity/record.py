"""Sends every action with full parameters through both official SDKs, and has our client send the same.

Usage: record.py ACTIONS_JSON PARAMETERS_JSON RECORDINGS_JSON REPLAY_COMMAND...

What the parameters are follows from the models of the newer SDK, not from ours: every field of a request gets a value
that needs encoding. A server on loopback records each request as it arrives. PARAMETERS_JSON is what our client is told
to send: a list of {"action", "parameters"}.
"""

import http.server
import inspect
import json
import subprocess
import sys
import threading
import typing

from alibabacloud_ens20171110 import models
from alibabacloud_ens20171110.client import Client as NewClient
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.client import AcsClient
from darabonba.model import DaraModel
from darabonba.runtime import RuntimeOptions

# Fields that the models call text and the documentation calls something else: what they hold really.
SPECIAL = {
    "page_size": "80",
    "forward_port": "80",
    "vport": "80",
    "instance_ids": '["i-1","i-é 2"]',
    "ens_region_ids": '["cn-x","cn-y"]',
    "allocation_id": "eip-1,eip-2",
    "eip_address": "198.51.100.1,198.51.100.2",
    "standby": "true",
    # Values that typed requests choose among.
    "health_check_type": "http",
    "listener_forward": "on",
    "sticky_session_type": "server",
}

RECORDED = []


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def record(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        RECORDED.append({
            "method": self.command,
            "target": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": body.decode(),
        })
        answer = b'{"RequestId": "A1"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = record

    def log_message(self, *_):
        pass


def value_of(name, kind):
    """A value for a field of this type. Text has everything that encodings differ about."""
    origin = typing.get_origin(kind)
    if origin is list:
        (item,) = typing.get_args(kind)
        return [value_of(f"{name}{number}", item) for number in (1, 2)]
    if origin is dict:
        return {"key": "value"}
    if inspect.isclass(kind) and issubclass(kind, DaraModel):
        return filled(kind)
    if kind is bool:
        return True
    if kind is int:
        return 80
    if kind is float:
        return 1.5
    if kind is str:
        return SPECIAL.get(name) or f"{name} é阿*~/+&=%\"'"
    raise TypeError(f"{name}: no value for the type {kind}")


def filled(model):
    """A model with a value in every field, those within fields too."""
    kinds = typing.get_type_hints(model.__init__, vars(sys.modules[model.__module__]))
    return model(**{name: value_of(name, kind) for name, kind in kinds.items() if name != "return"})


def snake(action):
    """The method name of an action, as the generator of the SDK writes it."""
    for method in dir(NewClient):
        if method.replace("_", "") == action.lower():
            return method
    return None


def one(action):
    """The one request that was recorded since the last look."""
    if len(RECORDED) != 1:
        raise RuntimeError(f"{action}: {len(RECORDED)} requests were recorded instead of one")
    return RECORDED.pop()


def new_sdk(client, action):
    """What the SDK records for an action, and its parameters; None where the SDK does not know it."""
    method = snake(action)
    if method is None:
        return None, None
    request = filled(getattr(models, f"{action}Request"))
    getattr(client, f"{method}_with_options")(request, RuntimeOptions(autoretry=False))
    return one(action), request.to_map()


def old_sdk(client, action, parameters, endpoint):
    """What the older SDK records for the same parameters, and the names that it has no setter for."""
    try:
        module = __import__(f"aliyunsdkens.request.v20171110.{action}Request", fromlist=["x"])
    except ModuleNotFoundError:
        return None, []
    request = getattr(module, f"{action}Request")()
    request.set_endpoint(endpoint)
    request.set_protocol_type("http")
    setters = {}
    for name, setter in inspect.getmembers(request, inspect.ismethod):
        if name.startswith("set_") and len(inspect.signature(setter).parameters) == 1:
            setters[next(iter(inspect.signature(setter).parameters))] = setter
    missing = [name for name in parameters if name not in setters]
    for name, value in parameters.items():
        if name in setters:
            setters[name](value)
    client.do_action_with_exception(request)
    return one(action), missing


def main():
    actions_file, parameters_file, recordings_file, *replay = sys.argv[1:]
    with open(actions_file, encoding="utf-8") as file:
        actions = sorted(json.load(file))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"127.0.0.1:{server.server_port}"
    new = NewClient(Config(access_key_id="id", access_key_secret="secret", protocol="HTTP", endpoint=endpoint))
    old = AcsClient("id", "secret", "cn-hangzhou", auto_retry=False)
    recordings = []
    told = []
    for action in actions:
        newer, parameters = new_sdk(new, action)
        older, missing = (None, []) if parameters is None else old_sdk(old, action, parameters, endpoint)
        recordings.append({"action": action, "v3": {"sdk": newer}, "v1": {"sdk": older}, "missing_in_v1": missing})
        if parameters is not None:
            told.append({"action": action, "parameters": parameters})
    with open(parameters_file, "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, indent=1)
    by_action = {recording["action"]: recording for recording in recordings}
    for mode in ("v3", "v1", "typed"):
        subprocess.run([*replay, f"http://{endpoint}", mode, parameters_file], check=True, timeout=120)
        if len(RECORDED) != len(told):
            raise RuntimeError(f"our client sent {len(RECORDED)} requests instead of {len(told)}")
        for call, request in zip(told, RECORDED):
            by_action[call["action"]].setdefault(mode, {})["ours"] = request
        RECORDED.clear()
    with open(recordings_file, "w", encoding="utf-8") as file:
        json.dump(recordings, file, ensure_ascii=False, indent=1)


main()
