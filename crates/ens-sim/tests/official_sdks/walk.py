"""What both generations of the SDK do: buy, bind, read everything back, change, release, and meet each documented error."""

import datetime
import sys

# Usage of a script: HOST:PORT CODE...
INJECTED = sys.argv[2:]
NAME = "k8s/cube svc/默认/np*~/c1"
# The HTTP listener redirects to the HTTPS one, which has to be there first.
KINDS = ["TCP", "UDP", "HTTPS", "HTTP"]
PORTS = {"TCP": 8080, "UDP": 8053, "HTTP": 80, "HTTPS": 443}


class Refused(Exception):
    """The server refused a call with this code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def walk(sdk):
    ens = sdk()
    look_around(ens)
    balancer, eip = buy(ens)
    listeners(ens, balancer)
    backends(ens, balancer)
    bind(ens, balancer, eip)
    read_back(ens, balancer, eip)
    change(ens, balancer, eip)
    tags(ens)
    refusals(ens, sdk, balancer, eip)
    release(ens, balancer, eip)
    injected(ens)
    throttled(ens)


def equal(found, wanted):
    assert found == wanted, (found, wanted)


def refused(code, ens, action, **params):
    try:
        answer = ens.call(action, **params)
    except Refused as error:
        assert error.code == code, (action, error.code, code)
    else:
        raise AssertionError(f"{action}: {code} was expected, not {answer}")


def look_around(ens):
    regions = ens.call("DescribeEnsRegions")
    equal(regions["Code"], 0)
    equal({row["EnsRegionId"] for row in regions["EnsRegions"]["EnsRegions"]}, {"cn-hefei", "cn-chengdu"})
    carriers = ens.call("DescribeRegionIsps", EnsRegionId="cn-hefei")["Isps"]
    equal({row["Code"] for row in carriers}, {"cmcc", "unicom", "telecom"})
    specs = ens.call("DescribeLoadBalancerSpec", LoadBalancerSpec="elb.s2.small")["LoadBalancerSpecs"]
    equal([row["LoadBalancerSpec"] for row in specs], ["elb.s2.small"])
    networks = ens.call("DescribeNetworks", EnsRegionIds=["cn-hefei"])
    equal([row["NetworkId"] for row in networks["Networks"]["Network"]], ["n-heifei"])
    network = ens.call("DescribeNetworkAttribute", NetworkId="n-heifei")
    equal(network["VSwitchIds"]["VSwitchId"], ["vsw-heifei-1", "vsw-heifei-2"])
    vswitches = ens.call("DescribeVSwitches", VSwitchIds=["vsw-heifei-1", "vsw-heifei-2"])
    equal(vswitches["TotalCount"], 2)
    vswitch = ens.call("DescribeVSwitchAttributes", VSwitchId="vsw-heifei-1")
    equal((vswitch["NetworkId"], vswitch["Status"]), ("n-heifei", "Available"))
    instances = ens.call("DescribeInstances", VSwitchId="vsw-heifei-1", PageSize="100")["Instances"]["Instance"]
    equal([(row["InstanceId"], row["Status"]) for row in instances], [("i-heifei-1", "Running")])


def buy(ens):
    wanted = dict(
        EnsRegionId="cn-hefei",
        LoadBalancerName=NAME,
        LoadBalancerSpec="elb.s2.small",
        NetworkId="n-heifei",
        VSwitchId="vsw-heifei-1",
        PayType="PostPaid",
        ClientToken="token-1",
    )
    balancer = ens.call("CreateLoadBalancer", **wanted)["LoadBalancerId"]
    equal(ens.call("CreateLoadBalancer", **wanted)["LoadBalancerId"], balancer)
    refused("IdempotentParameterMismatch", ens, "CreateLoadBalancer", **{**wanted, "LoadBalancerName": "other"})
    eip = ens.call(
        "CreateEipInstance",
        EnsRegionId="cn-hefei",
        InstanceChargeType="PostPaid",
        InternetChargeType="95BandwidthByMonth",
        Bandwidth=10,
        Isp="cmcc",
        Name="eip",
        Tag=[{"Key": "cluster", "Value": "c1"}],
        ClientToken="token-1",
    )["AllocationId"]
    return balancer, eip


def listeners(ens, balancer):
    check = dict(HealthCheckURI="/up", HealthCheckDomain="a.example")
    own = {
        "TCP": dict(**check, HealthCheckType="http", BackendServerPort=30081, PersistenceTimeout=10),
        "UDP": dict(BackendServerPort=30053, Scheduler="qch", HealthCheckReq="ping", HealthCheckExp="pong"),
        "HTTP": dict(
            **check, HealthCheck="on", XForwardedFor="on", RequestTimeout=20, ListenerForward="on", ForwardPort=443
        ),
        "HTTPS": dict(**check, HealthCheck="off", ServerCertificateId="cert-1", IdleTimeout=20),
    }
    for kind in KINDS:
        listener = dict(LoadBalancerId=balancer, ListenerPort=PORTS[kind])
        ens.call(f"CreateLoadBalancer{kind}Listener", **listener, Description=f"our {kind}", **own[kind])
        body = ens.call(f"DescribeLoadBalancer{kind}ListenerAttribute", **listener)
        equal((body["Status"], body["Description"]), ("Stopped", f"our {kind}"))
        ens.call("StartLoadBalancerListener", **listener, ListenerProtocol=kind.lower())


def backends(ens, balancer):
    servers = [{"ServerId": f"i-heifei-{n}", "Port": 0, "Type": "ens", "Weight": 100} for n in (1, 2)]
    added = ens.call("AddBackendServers", LoadBalancerId=balancer, BackendServers=servers)["BackendServers"]
    equal([row["Weight"] for row in added["BackendServer"]], [100, 100])
    lighter = {"ServerId": "i-heifei-2", "Type": "ens", "Weight": 30}
    ens.call("SetBackendServers", LoadBalancerId=balancer, BackendServers=[lighter])


def bind(ens, balancer, eip):
    ens.call("AssociateEnsEipAddress", AllocationId=eip, InstanceId=balancer, InstanceType="SlbInstance")


def read_back(ens, balancer, eip):
    attribute = ens.call("DescribeLoadBalancerAttribute", LoadBalancerId=balancer)
    equal((attribute["LoadBalancerStatus"], attribute["LoadBalancerName"]), ("Active", NAME))
    equal(attribute["LoadBalancerSpec"], "elb.s2.small")
    equal({row["ServerId"]: row["Weight"] for row in attribute["BackendServers"]}, {"i-heifei-1": 100, "i-heifei-2": 30})
    ports = {row["ListenerProtocol"].upper(): row["ListenerPort"] for row in attribute["ListenerPortsAndProtocols"]}
    equal(ports, PORTS)
    listed = ens.call("DescribeLoadBalancers", NetworkId="n-heifei", PageSize=100)["LoadBalancers"]["LoadBalancer"]
    equal({row["LoadBalancerId"] for row in listed}, {balancer, "lb-heifei"})
    rows = ens.call("DescribeLoadBalancerListeners", LoadBalancerId=balancer)["Listeners"]["Listener"]
    equal({row["Protocol"].upper(): (row["ListenerPort"], row["Status"]) for row in rows},
          {kind: (str(PORTS[kind]), "running") for kind in KINDS})
    reads = {
        kind: ens.call(f"DescribeLoadBalancer{kind}ListenerAttribute", LoadBalancerId=balancer, ListenerPort=PORTS[kind])
        for kind in KINDS
    }
    equal({body["Status"] for body in reads.values()}, {"Running"})
    equal((reads["TCP"]["BackendServerPort"], reads["TCP"]["PersistenceTimeout"]), (30081, 10))
    equal((reads["UDP"]["BackendServerPort"], reads["UDP"]["Scheduler"]), (30053, "qch"))
    equal((reads["HTTP"]["HealthCheckURI"], reads["HTTP"]["XForwardedFor"]), ("/up", "on"))
    equal((reads["HTTPS"]["ServerCertificateId"], reads["HTTPS"]["IdleTimeout"]), ("cert-1", 20))
    address = ens.call("DescribeEnsEipAddresses", AllocationId=eip)["EipAddresses"]["EipAddress"][0]
    equal((address["Status"], address["InstanceId"], address["Bandwidth"]), ("InUse", balancer, 10))
    equal([(tag["Key"], tag["Value"]) for tag in address["Tags"]["Tag"]], [("cluster", "c1")])
    monitors(ens, balancer)


def monitors(ens, balancer):
    """The present, which is all that the simulator knows."""
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = (f"{now + datetime.timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (-1, 1))
    span = dict(LoadBalancerId=balancer, StartTime=start, EndTime=end)
    row = ens.call("DescribeLoadBalancerListenMonitor", **span, VPort="8080")["LoadBalancerMonitorListenData"][0]
    equal((row["Proto"], row["ValidRsNum"], row["InValidRsNum"]), ("tcp", "2", "0"))
    rows = ens.call("DescribeServerLoadBalancerMonitor", **span)["ServerLoadBalancerMonitorData"]
    equal([row["LoadBalancerId"] for row in rows], [balancer])
    rows = ens.call("DescribeServerLoadBalancerListenMonitor", **span)["ServerLoadBalancerMonitorData"]
    equal({row["Vport"] for row in rows}, {PORTS["HTTP"], PORTS["HTTPS"]})


def change(ens, balancer, eip):
    ens.call("ModifyLoadBalancerAttribute", LoadBalancerId=balancer, LoadBalancerName="renamed")
    equal(ens.call("DescribeLoadBalancers", LoadBalancerName="renamed")["TotalCount"], 1)
    ens.call("ModifyEnsEipAddressAttribute", AllocationId=eip, Bandwidth=20, Name="other", Description="ours")
    address = ens.call("DescribeEnsEipAddresses", EipName="other")["EipAddresses"]["EipAddress"][0]
    equal((address["Bandwidth"], address["Description"]), (20, "ours"))
    own = {"HTTP": dict(HealthCheck="off"), "HTTPS": dict(HealthCheck="off", ServerCertificateId="cert-2")}
    for kind in KINDS:
        listener = dict(LoadBalancerId=balancer, ListenerPort=PORTS[kind])
        protocol = dict(ListenerProtocol=kind.lower())
        ens.call("StopLoadBalancerListener", **listener, **protocol)
        ens.call(f"SetLoadBalancer{kind}ListenerAttribute", **listener, Scheduler="rr", **own.get(kind, {}))
        ens.call("StartLoadBalancerListener", **listener, **protocol)
        equal(ens.call(f"DescribeLoadBalancer{kind}ListenerAttribute", **listener)["Scheduler"], "rr")
    ens.call("SetLoadBalancerStatus", LoadBalancerId=balancer, LoadBalancerStatus="InActive")
    equal(ens.call("DescribeLoadBalancerAttribute", LoadBalancerId=balancer)["LoadBalancerStatus"], "InActive")
    ens.call("SetLoadBalancerStatus", LoadBalancerId=balancer, LoadBalancerStatus="Active")
    ens.call("RemoveBackendServers", LoadBalancerId=balancer, BackendServers=[{"ServerId": "i-heifei-2", "Type": "ens"}])
    left = ens.call("DescribeLoadBalancerAttribute", LoadBalancerId=balancer)["BackendServers"]
    equal([row["ServerId"] for row in left], ["i-heifei-1"])


def tags(ens):
    them = dict(ResourceType="instance", ResourceId=["i-heifei-1"])
    ens.call("TagResources", **them, Tag=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    instance = ens.call("DescribeInstances", InstanceId="i-heifei-1")["Instances"]["Instance"][0]
    equal([(tag["TagKey"], tag["TagValue"]) for tag in instance["Tags"]["Tags"]], [("a", "1"), ("b", "2")])
    found = ens.call("ListTagResources", **them)["TagResources"]
    equal([(row["TagKey"], row["TagValue"]) for row in found], [("a", "1"), ("b", "2")])
    ens.call("UntagResources", **them, TagKey=["a"])
    equal(len(ens.call("ListTagResources", **them)["TagResources"]), 1)
    refused("MissingParameter.ResourceIdsOrTags", ens, "ListTagResources", ResourceType="instance")


def refusals(ens, sdk, balancer, eip):
    gone = dict(LoadBalancerId="lb-gone")
    refused("LoadBalancerNotFound", ens, "DescribeLoadBalancerAttribute", **gone)
    refused("LoadBalancerNotFound", ens, "SetLoadBalancerStatus", **gone, LoadBalancerStatus="Active")
    refused("ListenerNotFound", ens, "DescribeLoadBalancerTCPListenerAttribute", LoadBalancerId=balancer, ListenerPort=9)
    refused("ListenerAlreadyExists", ens, "CreateLoadBalancerTCPListener", LoadBalancerId=balancer, ListenerPort=80)
    refused("IncorrectListenerStatus", ens, "DeleteLoadBalancerListener", LoadBalancerId=balancer, ListenerPort=80)
    refused("EipNotFound", ens, "UnAssociateEnsEipAddress", AllocationId="eip-gone")
    refused("IncorrectEipStatus", ens, "DeleteEip", InstanceId=eip)
    refused("InstanceNotFound", ens, "ReleaseInstance", InstanceId="lb-gone")
    refused("InvalidVSwitchId.NotFound", ens, "DescribeVSwitchAttributes", VSwitchId="vsw-gone")
    refused("InvalidParameter.NetworkId", ens, "DescribeNetworkAttribute", NetworkId="n-gone")
    refused("InvalidParameter.PageSize", ens, "DescribeLoadBalancers", PageSize=1000)
    refused("MissingLoadBalancerId", ens, "DescribeLoadBalancerAttribute")
    refused(
        "InvalidParameter.ListenerPort", ens, "CreateLoadBalancerUDPListener", LoadBalancerId=balancer, ListenerPort=4789
    )
    refused("InvalidAccessKeyId.NotFound", sdk("nobody", "x"), "DescribeEnsRegions")
    refused(sdk.wrong_secret, sdk("testid", "wrong"), "DescribeEnsRegions")
    far = ens.call(
        "CreateEipInstance",
        EnsRegionId="cn-chengdu",
        InstanceChargeType="PostPaid",
        InternetChargeType="95BandwidthByMonth",
    )["AllocationId"]
    refused(
        "RegionAccessDenied",
        ens,
        "AssociateEnsEipAddress",
        AllocationId=far,
        InstanceId=balancer,
        InstanceType="NatSlbInstance",
    )
    ens.call("ReleaseInstance", InstanceId=far)


def release(ens, balancer, eip):
    ens.call("UnAssociateEnsEipAddress", AllocationId=eip)
    address = ens.call("DescribeEnsEipAddresses", AllocationId=eip)["EipAddresses"]["EipAddress"][0]
    equal((address["Status"], address["InstanceId"]), ("Available", ""))
    ens.call("DeleteEip", InstanceId=eip)
    equal(ens.call("DescribeEnsEipAddresses", AllocationId=eip)["TotalCount"], 0)
    for kind in KINDS:
        listener = dict(LoadBalancerId=balancer, ListenerPort=PORTS[kind], ListenerProtocol=kind.lower())
        ens.call("StopLoadBalancerListener", **listener)
        ens.call("DeleteLoadBalancerListener", **listener)
    action, name = ens.release
    ens.call(action, **{name: balancer})
    refused("LoadBalancerNotFound", ens, "DescribeLoadBalancerAttribute", LoadBalancerId=balancer)


def injected(ens):
    """Codes that no call of this walk can bring about by itself: the test has put them into the simulator's fault plan."""
    assert INJECTED, "no codes were given"
    for code in INJECTED:
        refused(code, ens, "DescribeVSwitches", VSwitchId=code)


def throttled(ens):
    """DescribeNetworks allows ten calls a second."""
    try:
        for _ in range(200):
            ens.call("DescribeNetworks")
    except Refused as error:
        equal(error.code, "Throttling.User")
    else:
        raise AssertionError("two hundred calls at once were not throttled")
