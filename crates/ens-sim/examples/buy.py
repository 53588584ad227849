"""Buys a load balancer with an address at a simulated ENS, with the official SDK, and leaves it to be looked at.

Usage: python3 buy.py [HOST:PORT [NODE_PORT]], after `pip install alibabacloud-ens20171110`.
"""

import sys
import time

try:
    from alibabacloud_ens20171110 import models
    from alibabacloud_ens20171110.client import Client
    from alibabacloud_tea_openapi.models import Config
except ImportError:
    print("pip install alibabacloud-ens20171110", file=sys.stderr)
    sys.exit(77)

endpoint = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:18080"
node_port = int(sys.argv[2]) if len(sys.argv) > 2 else 30080
# ENS itself speaks HTTPS: the simulator's endpoint and protocol are all that is different.
client = Client(Config(access_key_id="testid", access_key_secret="testsecret", endpoint=endpoint, protocol="http"))


def wait(what, read, wanted):
    while read() != wanted:
        time.sleep(0.2)
    print(f"{what} is {wanted}")


balancer = client.create_load_balancer(
    models.CreateLoadBalancerRequest(
        ens_region_id="cn-hefei",
        network_id="n-heifei",
        v_switch_id="vsw-heifei-1",
        load_balancer_spec="elb.s2.small",
        load_balancer_name="mine",
        pay_type="PostPaid",
    )
).body.load_balancer_id
attribute = models.DescribeLoadBalancerAttributeRequest(load_balancer_id=balancer)
wait(balancer, lambda: client.describe_load_balancer_attribute(attribute).body.load_balancer_status, "Active")

client.create_load_balancer_tcplistener(
    models.CreateLoadBalancerTCPListenerRequest(
        load_balancer_id=balancer, listener_port=8080, backend_server_port=node_port
    )
)
client.start_load_balancer_listener(
    models.StartLoadBalancerListenerRequest(load_balancer_id=balancer, listener_port=8080)
)
client.add_backend_servers(
    models.AddBackendServersRequest(
        load_balancer_id=balancer,
        backend_servers=[models.AddBackendServersRequestBackendServers(server_id="i-heifei-1", type="ens", weight=100)],
    )
)

eip = client.create_eip_instance(
    models.CreateEipInstanceRequest(
        ens_region_id="cn-hefei", instance_charge_type="PostPaid", internet_charge_type="95BandwidthByMonth"
    )
).body.allocation_id


def address():
    request = models.DescribeEnsEipAddressesRequest(allocation_id=eip)
    return client.describe_ens_eip_addresses(request).body.eip_addresses.eip_address[0]


wait(eip, lambda: address().status, "Available")
# Without the type the id would be that of a computing instance.
client.associate_ens_eip_address(
    models.AssociateEnsEipAddressRequest(allocation_id=eip, instance_id=balancer, instance_type="SlbInstance")
)
wait(eip, lambda: address().status, "InUse")
print(f"curl http://{address().ip_address}:8080")
