//! What people do in the cloud's console, past the controllers.

use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, InstanceStatus, Protocol, Response};

use super::fact::id_in_ledger;
use crate::invariants::Monitor;
use crate::node::instance_of;
use crate::world::{View, persons_call};

/// What a person does in the cloud's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Console {
    /// Takes away the load balancer of a PoolService.
    RemoveLoadBalancer(String),
    /// Takes away the EIP of a PoolService.
    RemoveEip(String),
    /// Stops or starts the instance of a node.
    SetInstance(String, bool),
    /// Adds a TCP listener to the load balancer of this id.
    AddListener(String, u16),
    /// Takes away a TCP listener of it.
    RemoveListener(String, u16),
    /// Takes away everything that bears a name of the controllers.
    Clear,
}

/// How often a person tries again what the cloud refuses because something else is being changed.
pub(super) const TRIES: usize = 60;

/// The refusal of what a person may do in a moment: their load balancer is busy.
pub(super) const BUSY: &str = "IncorrectInstanceStatus";

/// Does in the cloud what a person does in its console; gives the code with which it refuses.
pub(super) fn act_on(
    cloud: &mut Cloud,
    view: &View,
    act: &Console,
    now: Timestamp,
) -> Result<(), String> {
    let mut take_away = |name: &str, record: &str| {
        if let Some(id) = id_in_ledger(view, name, record) {
            cloud.vanish(&id, now);
        }
    };
    match act {
        Console::RemoveLoadBalancer(ps) => take_away(ps, "loadBalancer"),
        Console::RemoveEip(ps) => take_away(ps, "eip"),
        Console::SetInstance(node, runs) => {
            let status = if *runs {
                InstanceStatus::Running
            } else {
                InstanceStatus::Stopped
            };
            cloud.set_instance_status(&instance_of(node), status);
        }
        Console::AddListener(id, port) => {
            let params = [
                ("LoadBalancerId", id.as_str()),
                ("ListenerPort", &port.to_string()),
                ("Description", "a person's"),
            ];
            return answer(&persons_call(
                cloud,
                "CreateLoadBalancerTCPListener",
                &params,
                now,
            ));
        }
        Console::RemoveListener(id, port) => {
            let params = [
                ("LoadBalancerId", id.as_str()),
                ("ListenerPort", &port.to_string()),
                ("ListenerProtocol", "tcp"),
            ];
            return answer(&persons_call(
                cloud,
                "DeleteLoadBalancerListener",
                &params,
                now,
            ));
        }
        Console::Clear => {
            let snapshot = cloud.snapshot();
            let elbs = snapshot.load_balancers.iter().map(|lb| (&lb.id, &lb.name));
            let eips = snapshot.eips.iter().map(|eip| (&eip.id, &eip.name));
            let ours = elbs
                .chain(eips)
                .filter(|(_, name)| name.starts_with("k8s/"));
            for (id, _) in ours {
                cloud.vanish(id, now);
            }
        }
    }
    Ok(())
}

fn answer(response: &Response) -> Result<(), String> {
    match response.code() {
        Some(code) => Err(code.to_owned()),
        None => Ok(()),
    }
}

impl Console {
    /// Tells the invariants about a person's calls on something of theirs: what is there now has to stay, but for what
    /// they take away.
    pub(super) fn tell(&self, monitor: &mut Monitor, view: &View, calls: u64) {
        match self {
            Self::AddListener(..) => monitor.remember_foreign(view, calls),
            Self::RemoveListener(id, port) => {
                monitor.remember_foreign(view, calls);
                monitor.give_up(id, Protocol::Tcp, *port);
            }
            Self::RemoveLoadBalancer(_)
            | Self::RemoveEip(_)
            | Self::SetInstance(..)
            | Self::Clear => {}
        }
    }
}
