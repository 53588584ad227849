//! One test for each row of the tables of statuses, limits and errors that the API documents add up to. Rows or values
//! that no document settles, and that are inferred from clients, say so.

mod errors;
mod limits;
mod statuses;

use super::*;
use crate::cloud::{Fault, RateLimits};

const ELB: (&str, &str) = ("LoadBalancerId", "lb-heifei");
const PORT: (&str, &str) = ("ListenerPort", "80");

fn listener(run: &mut Run) {
    run.ok(
        "CreateLoadBalancerTCPListener",
        &[ELB, PORT, ("BackendServerPort", "30080")],
    );
}

fn listener_status(run: &mut Run) -> String {
    text(
        &run.ok("DescribeLoadBalancerTCPListenerAttribute", &[ELB, PORT]),
        "/Status",
    )
}

fn bind(run: &mut Run, eip: &str, more: &[(&str, &str)]) {
    let params = [("AllocationId", eip), ("InstanceId", "i-heifei-1")];
    run.ok("AssociateEnsEipAddress", &but(&params, more));
}
