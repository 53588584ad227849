//! The tree as people read it.

use std::fmt::Write as _;

use anstyle::Style;
use ecm_policy::ledger::Owner;

use super::tree::{LoadBalancer, PoolService, Service, Tree, Wrong};
use crate::ui::{BAD, BOLD, DIM, GOOD, WARN, styled};

/// A line with what hangs below it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

impl Branch {
    fn leaf(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            below: Vec::new(),
        }
    }
}

pub(super) fn render(tree: &Tree) -> String {
    let services = tree.services.iter().map(|service| {
        let branch = of_service(service);
        let mut text = branch.text;
        draw(&branch.below, "", &mut text);
        text
    });
    services.collect::<Vec<_>>().join("\n\n")
}

fn draw(branches: &[Branch], indent: &str, text: &mut String) {
    for (at, branch) in branches.iter().enumerate() {
        let is_last = at + 1 == branches.len();
        let (corner, bar) = if is_last {
            ("└─", "   ")
        } else {
            ("├─", "│  ")
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{indent}{corner} {}", branch.text);
        draw(&branch.below, &format!("{indent}{bar}"), text);
    }
}

fn of_service(service: &Service) -> Branch {
    let addresses = if service.addresses.is_empty() {
        styled(WARN, "no address")
    } else {
        service.addresses.join(", ")
    };
    let title = styled(BOLD, format_args!("Service {}", service.key));
    let mut below: Vec<Branch> = service.wrong.iter().map(of_wrong).collect();
    below.extend(service.pool_services.iter().map(of_pool_service));
    Branch {
        text: format!("{title}  {addresses}"),
        below,
    }
}

fn of_pool_service(ps: &PoolService) -> Branch {
    let pool = ps.pool.as_deref().unwrap_or("no pool");
    let mut text = format!("{}  pool {pool}", ps.name);
    if let Some(region) = &ps.region {
        let _ = write!(text, " in {region}");
    }
    let (word, style) = match (ps.deleting, ps.ready) {
        (true, _) => ("being deleted", WARN),
        (false, true) => ("ready", GOOD),
        (false, false) => ("not ready", BAD),
    };
    let _ = write!(text, "  {}", styled(style, word));
    let mut below: Vec<Branch> = ps.wrong.iter().map(of_wrong).collect();
    below.extend(ps.load_balancer.iter().map(of_load_balancer));
    below.extend(ps.eip.iter().map(|eip| {
        let mut text = format!("EIP {}", eip.id);
        for word in [&eip.address, &eip.state].into_iter().flatten() {
            let _ = write!(text, "  {}", colored(word));
        }
        if let Some(bandwidth) = eip.bandwidth {
            let _ = write!(text, "  {bandwidth} Mbit/s");
        }
        Branch::leaf(text)
    }));
    Branch { text, below }
}

fn of_load_balancer(load_balancer: &LoadBalancer) -> Branch {
    let owner = match load_balancer.owner {
        Owner::Created => "made here",
        Owner::Adopted => "adopted",
        Owner::User => "the user's",
    };
    let mut text = format!("ELB {}  {}", load_balancer.id, styled(DIM, owner));
    if let Some(state) = &load_balancer.state {
        let _ = write!(text, "  {}", colored(state));
    }
    let listeners = load_balancer.listeners.iter().map(|listener| {
        let mut text = format!("listener {}", listener.port);
        if let Some(port) = listener.node_port {
            let _ = write!(text, " to node port {port}");
        }
        if let Some(state) = &listener.state {
            let _ = write!(text, "  {}", colored(state));
        }
        Branch::leaf(text)
    });
    let backends = load_balancer.backends.iter().map(|backend| {
        let mut text = format!("backend {}", backend.server);
        if let Some(node) = &backend.node {
            let _ = write!(text, "  node {node}");
        }
        let _ = write!(text, "  weight {}", backend.weight);
        Branch::leaf(text)
    });
    Branch {
        text,
        below: listeners.chain(backends).collect(),
    }
}

fn of_wrong(wrong: &Wrong) -> Branch {
    let reason = styled(BAD, &wrong.reason);
    let condition = wrong.condition.iter().map(|name| format!("{name}: "));
    let condition: String = condition.collect();
    Branch::leaf(format!("! {condition}{reason}: {}", wrong.message))
}

/// A state of the cloud in the colour of what it means.
fn colored(state: &str) -> String {
    let style: Style = match state {
        "Active" | "Running" | "InUse" => GOOD,
        "gone" | "Stopped" | "InActive" => BAD,
        _ if state.starts_with(|c: char| c.is_ascii_digit()) => Style::new(),
        _ => WARN,
    };
    styled(style, state)
}

#[cfg(test)]
mod tests {
    use ecm_policy::snapshot::ObjectKey;

    use super::super::tree::{Backend, Eip, Listener};
    use super::*;

    #[test]
    fn the_tree_shows_what_hangs_on_what_and_what_is_wrong() {
        let ps = PoolService {
            name: "web-np".to_owned(),
            pool: Some("np".to_owned()),
            region: Some("cn-hefei".to_owned()),
            ready: false,
            deleting: false,
            load_balancer: Some(LoadBalancer {
                id: "lb-1".to_owned(),
                owner: Owner::Created,
                state: Some("Active".to_owned()),
                listeners: vec![Listener {
                    port: "80/tcp".to_owned(),
                    node_port: Some(30_080),
                    state: Some("Running".to_owned()),
                }],
                backends: vec![Backend {
                    server: "i-1".to_owned(),
                    node: Some("node-1".to_owned()),
                    weight: 100,
                }],
            }),
            eip: Some(Eip {
                id: "eip-1".to_owned(),
                address: Some("1.2.3.4".to_owned()),
                state: Some("InUse".to_owned()),
                bandwidth: Some(10),
            }),
            wrong: vec![Wrong {
                condition: Some("BackendsReady".to_owned()),
                reason: "NoReadyEndpoints".to_owned(),
                message: "nobody serves".to_owned(),
            }],
        };
        let tree = Tree {
            services: vec![Service {
                key: ObjectKey::new("shop", "web"),
                addresses: vec!["1.2.3.4".to_owned()],
                pool_services: vec![ps],
                wrong: Vec::new(),
            }],
        };
        let text = anstream::adapter::strip_str(&render(&tree)).to_string();
        assert_eq!(
            text,
            "Service shop/web  1.2.3.4\n\
             └─ web-np  pool np in cn-hefei  not ready\n   \
             ├─ ! BackendsReady: NoReadyEndpoints: nobody serves\n   \
             ├─ ELB lb-1  made here  Active\n   \
             │  ├─ listener 80/tcp to node port 30080  Running\n   \
             │  └─ backend i-1  node node-1  weight 100\n   \
             └─ EIP eip-1  1.2.3.4  InUse  10 Mbit/s"
        );
    }
}
