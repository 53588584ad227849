"""Walks the path with the SDK that signs V3, and checks that its answer classes find every field that they know.

Usage: v3.py HOST:PORT CODE...
"""

import sys

try:
    from alibabacloud_ens20171110 import models
    from alibabacloud_ens20171110.client import Client
    from alibabacloud_tea_openapi.models import Config
except ImportError:
    sys.exit(77)

import walk


# What no answer of the walk has, and may not have: an HTTP listener has no certificate, an HTTPS listener redirects nowhere.
NEVER_THERE = {
    ("DescribeLoadBalancerHTTPListenerAttribute", "server_certificate_id"),
    ("DescribeLoadBalancerHTTPSListenerAttribute", "forward_port"),
}


class V3:
    """Calls an action by its API name through the SDK's own method, request and answer classes."""

    wrong_secret = "SignatureDoesNotMatch"
    # (class, field) of every answer: whether some answer had it.
    fields = {}
    # No SDK of this generation has DeleteLoadBalancer.
    release = ("ReleaseInstance", "InstanceId")

    def __init__(self, id="testid", secret="testsecret"):
        self.client = Client(
            Config(
                access_key_id=id,
                access_key_secret=secret,
                endpoint=sys.argv[1],
                protocol="http",
                region_id="cn-hangzhou",
            )
        )
        self.methods = {name.replace("_", ""): name for name in dir(Client) if not name.startswith("_")}

    def call(self, action, **params):
        request = getattr(models, action + "Request")().from_map(params)
        try:
            answer = getattr(self.client, self.methods[action.lower()])(request)
        except Exception as error:  # its type differs between versions of the SDK
            raise walk.Refused(getattr(error, "code", None) or repr(error)) from error
        note(answer.body)
        return answer.body.to_map()


def note(value):
    """Notes which fields of an answer and of what it holds are there."""
    for item in value if isinstance(value, list) else [value]:
        if type(item).__module__.startswith("alibabacloud_ens20171110"):
            for name, field in vars(item).items():
                key = (type(item).__name__.replace("ResponseBody", ""), name)
                V3.fields[key] = V3.fields.get(key, False) or field is not None
                note(field)


walk.walk(V3)
walk.equal({key for key, there in V3.fields.items() if not there}, NEVER_THERE)
