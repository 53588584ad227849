"""Walks the path with the SDK that signs V1. Usage: v1.py HOST:PORT CODE..."""

import importlib
import json
import sys

try:
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import RpcRequest

    importlib.import_module("aliyunsdkens.request.v20171110.CreateLoadBalancerRequest")
except ImportError:
    sys.exit(77)

import walk


class V1:
    """Calls an action by its API name through the SDK's own request class."""

    # The core of this SDK compares the server's string to sign with its own: equal means a wrong secret.
    wrong_secret = "InvalidAccessKeySecret"
    # Not in the SDK, but the terraform provider calls it.
    release = ("DeleteLoadBalancer", "LoadBalancerId")

    def __init__(self, id="testid", secret="testsecret"):
        self.client = AcsClient(id, secret, "cn-hangzhou", auto_retry=False)

    def call(self, action, **params):
        try:
            module = importlib.import_module(f"aliyunsdkens.request.v20171110.{action}Request")
            request = getattr(module, action + "Request")()
        except ImportError:
            request = RpcRequest("Ens", "2017-11-10", action)
        request.set_protocol_type("http")
        request.set_endpoint(sys.argv[1])
        request.set_accept_format("json")
        for name, value in flatten(params):
            request.add_query_param(name, value)
        try:
            return json.loads(self.client.do_action_with_exception(request))
        except ServerException as error:
            raise walk.Refused(error.get_error_code()) from error


def flatten(params):
    """Lists as RPC parameters carry them, but for the ones that are JSON text in one parameter."""
    for name, value in params.items():
        if name == "BackendServers":
            yield name, json.dumps(value)
        elif isinstance(value, list):
            for number, item in enumerate(value, 1):
                fields = {f".{key}": text for key, text in item.items()} if isinstance(item, dict) else {"": item}
                for field, text in fields.items():
                    yield f"{name}.{number}{field}", text
        else:
            yield name, value


walk.walk(V1)
