"""Walks the guide's path with the SDK that signs V3. Usage: v3.py HOST:PORT"""

import sys

try:
    from alibabacloud_ens20171110 import models as m
    from alibabacloud_ens20171110.client import Client
    from alibabacloud_tea_openapi.models import Config
except ImportError:
    sys.exit(77)


def client(secret):
    return Client(
        Config(
            access_key_id="testid",
            access_key_secret=secret,
            endpoint=sys.argv[1],
            protocol="http",
            region_id="cn-hangzhou",
        )
    )


def expect(code, call, *args):
    try:
        call(*args)
    except Exception as error:  # the SDK's own exception types differ between its versions
        assert error.code == code, (error.code, code)
    else:
        raise AssertionError(f"{code} was expected")


ens = client("testsecret")
assert len(ens.describe_ens_regions(m.DescribeEnsRegionsRequest()).body.ens_regions.ens_regions) == 2

balancer = ens.create_load_balancer(
    m.CreateLoadBalancerRequest(
        ens_region_id="cn-hefei",
        load_balancer_name="k8s/cube svc/默认/np*~/c1",
        load_balancer_spec="elb.s2.small",
        network_id="n-heifei",
        v_switch_id="vsw-heifei-1",
        pay_type="PostPaid",
        client_token="token-1",
    )
).body.load_balancer_id
eip = ens.create_eip_instance(
    m.CreateEipInstanceRequest(
        ens_region_id="cn-hefei",
        instance_charge_type="PostPaid",
        internet_charge_type="95BandwidthByMonth",
        bandwidth=10,
        name="eip",
        tag=[m.CreateEipInstanceRequestTag(key="cluster", value="c1")],
    )
).body.allocation_id

attribute = ens.describe_load_balancer_attribute(m.DescribeLoadBalancerAttributeRequest(load_balancer_id=balancer)).body
assert attribute.load_balancer_status == "Active", attribute
assert attribute.load_balancer_name == "k8s/cube svc/默认/np*~/c1", attribute
listed = ens.describe_load_balancers(m.DescribeLoadBalancersRequest(network_id="n-heifei", page_size=100)).body
assert {row.load_balancer_id for row in listed.load_balancers.load_balancer} == {balancer, "lb-heifei"}

ens.associate_ens_eip_address(
    m.AssociateEnsEipAddressRequest(allocation_id=eip, instance_id=balancer, instance_type="SlbInstance")
)
ens.add_backend_servers(
    m.AddBackendServersRequest(
        load_balancer_id=balancer,
        backend_servers=[
            m.AddBackendServersRequestBackendServers(server_id="i-heifei-1", port=0, type="ens", weight=100)
        ],
    )
)
ens.create_load_balancer_tcplistener(
    m.CreateLoadBalancerTCPListenerRequest(load_balancer_id=balancer, listener_port=8080, backend_server_port=30081)
)
ens.start_load_balancer_listener(
    m.StartLoadBalancerListenerRequest(load_balancer_id=balancer, listener_port=8080, listener_protocol="tcp")
)
listeners = ens.describe_load_balancer_listeners(m.DescribeLoadBalancerListenersRequest(load_balancer_id=balancer)).body
assert [row.status for row in listeners.listeners.listener] == ["running"], listeners
address = ens.describe_ens_eip_addresses(m.DescribeEnsEipAddressesRequest(allocation_id=eip)).body
address = address.eip_addresses.eip_address[0]
assert (address.status, address.instance_id, address.tags.tag[0].value) == ("InUse", balancer, "c1"), address

expect("SignatureDoesNotMatch", client("wrong").describe_ens_regions, m.DescribeEnsRegionsRequest())
expect("IncorrectEipStatus", ens.delete_eip, m.DeleteEipRequest(instance_id=eip))

ens.un_associate_ens_eip_address(m.UnAssociateEnsEipAddressRequest(allocation_id=eip))
ens.delete_eip(m.DeleteEipRequest(instance_id=eip))
ens.release_instance(m.ReleaseInstanceRequest(instance_id=balancer))
expect(
    "LoadBalancerNotFound",
    ens.describe_load_balancer_attribute,
    m.DescribeLoadBalancerAttributeRequest(load_balancer_id=balancer),
)
