//! What the controllers and the commands beside them ask of ENS: the rights that their RAM user needs, and no more.

use serde_json::{Value, json};

/// The actions of ENS that are called. GetCallerIdentity of STS, which is called at the start and for each new AccessKey, is none of them: where
/// it is refused, the check of the account is left out (behaviour 5.7).
pub const ACTIONS: [&str; 29] = [
    // Reads.
    "DescribeEnsEipAddresses",
    // For `ecm gc`, which refuses a region that does not exist.
    "DescribeEnsRegions",
    "DescribeInstances",
    "DescribeLoadBalancerAttribute",
    // For HTTP and HTTPS listeners on a user's load balancer.
    "DescribeLoadBalancerListeners",
    "DescribeLoadBalancerTCPListenerAttribute",
    "DescribeLoadBalancerUDPListenerAttribute",
    "DescribeLoadBalancers",
    "DescribeVSwitches",
    // Load balancers. DeleteLoadBalancer is the way out where ReleaseInstance is not known.
    "CreateLoadBalancer",
    "DeleteLoadBalancer",
    "ModifyLoadBalancerAttribute",
    "ReleaseInstance",
    "SetLoadBalancerStatus",
    // EIPs.
    "AssociateEnsEipAddress",
    "CreateEipInstance",
    "DeleteEip",
    "ModifyEnsEipAddressAttribute",
    "UnAssociateEnsEipAddress",
    // Listeners.
    "CreateLoadBalancerTCPListener",
    "CreateLoadBalancerUDPListener",
    "DeleteLoadBalancerListener",
    "SetLoadBalancerTCPListenerAttribute",
    "SetLoadBalancerUDPListenerAttribute",
    "StartLoadBalancerListener",
    "StopLoadBalancerListener",
    // Backends.
    "AddBackendServers",
    "RemoveBackendServers",
    "SetBackendServers",
];

/// A RAM policy that allows [`ACTIONS`]. ENS grants an action on all resources or not at all (help pages of ENS,
/// RAM authorization), so that no resource can be named.
pub fn ram_policy() -> Value {
    let actions: Vec<String> = ACTIONS
        .iter()
        .map(|action| format!("ens:{action}"))
        .collect();
    json!({
        "Version": "1",
        "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
    })
}
