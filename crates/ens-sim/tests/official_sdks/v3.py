"""Walks the path with the SDK that signs V3. Usage: v3.py HOST:PORT CODE..."""

import sys

try:
    from alibabacloud_ens20171110 import models
    from alibabacloud_ens20171110.client import Client
    from alibabacloud_tea_openapi.models import Config
except ImportError:
    sys.exit(77)

import walk


class V3:
    """Calls an action by its API name through the SDK's own method, request and answer classes."""

    wrong_secret = "SignatureDoesNotMatch"
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
        return answer.body.to_map()


walk.walk(V3)
