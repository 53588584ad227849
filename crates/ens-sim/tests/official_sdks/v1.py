"""Walks the guide's path with the SDK that signs V1. Usage: v1.py HOST:PORT"""

import json
import sys

try:
    from aliyunsdkcore.acs_exception.exceptions import ServerException
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import RpcRequest
except ImportError:
    sys.exit(77)


def call(client, action, **params):
    """The SDK's request classes only name parameters: the generic request signs and sends the same."""
    request = RpcRequest("Ens", "2017-11-10", action)
    request.set_method("GET" if action == "DescribeLoadBalancers" else "POST")
    request.set_protocol_type("http")
    request.set_endpoint(sys.argv[1])
    request.set_accept_format("json")
    for name, value in params.items():
        request.add_query_param(name.replace("__", "."), value)
    return json.loads(client.do_action_with_exception(request))


def expect(code, client, action, **params):
    try:
        call(client, action, **params)
    except ServerException as error:
        assert error.get_error_code() == code, (error.get_error_code(), code)
    else:
        raise AssertionError(f"{code} was expected")


ens = AcsClient("testid", "testsecret", "cn-hangzhou")
assert call(ens, "DescribeEnsRegions")["Code"] == 0

balancer = call(
    ens,
    "CreateLoadBalancer",
    EnsRegionId="cn-hefei",
    LoadBalancerName="k8s/cube svc/默认/np*~/c1",
    LoadBalancerSpec="elb.s2.small",
    NetworkId="n-heifei",
    VSwitchId="vsw-heifei-1",
    PayType="PostPaid",
)["LoadBalancerId"]
eip = call(
    ens,
    "CreateEipInstance",
    EnsRegionId="cn-hefei",
    InstanceChargeType="PostPaid",
    InternetChargeType="95BandwidthByMonth",
    Tag__1__Key="cluster",
    Tag__1__Value="c1",
)["AllocationId"]
assert call(ens, "DescribeLoadBalancers", LoadBalancerId=balancer)["TotalCount"] == 1
call(ens, "AssociateEnsEipAddress", AllocationId=eip, InstanceId=balancer, InstanceType="SlbInstance")
servers = json.dumps([{"ServerId": "i-heifei-1", "Port": "0", "Type": "ens", "Weight": 100}])
call(ens, "AddBackendServers", LoadBalancerId=balancer, BackendServers=servers)
call(ens, "CreateLoadBalancerTCPListener", LoadBalancerId=balancer, ListenerPort=8080, BackendServerPort=30081)
call(ens, "StartLoadBalancerListener", LoadBalancerId=balancer, ListenerPort=8080)
body = call(ens, "DescribeLoadBalancerTCPListenerAttribute", LoadBalancerId=balancer, ListenerPort=8080)
assert body["Status"] == "Running", body

# The core of this SDK compares the server's string to sign with its own: equal means a wrong secret.
expect("InvalidAccessKeySecret", AcsClient("testid", "wrong", "cn-hangzhou"), "DescribeEnsRegions")
expect("InvalidAccessKeyId.NotFound", AcsClient("nobody", "x", "cn-hangzhou"), "DescribeEnsRegions")

call(ens, "UnAssociateEnsEipAddress", AllocationId=eip)
call(ens, "ReleaseInstance", InstanceId=eip)
call(ens, "DeleteLoadBalancer", LoadBalancerId=balancer)
expect("LoadBalancerNotFound", ens, "DescribeLoadBalancerAttribute", LoadBalancerId=balancer)
