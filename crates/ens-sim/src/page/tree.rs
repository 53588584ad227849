//! What exists, as a tree: region, network, vSwitch, then what lies in it, each with its status.

use std::fmt::{self, Write as _};

use super::text::{ago, escape};
use crate::cloud::{
    Cloud, Eip, FrontEnd, Instance, InstanceStatus, Listener, LoadBalancer, Origin, Snapshot,
    VSwitch,
};
use crate::dataplane::Bound;
use crate::time::Timestamp;

/// What an EIP of a computing instance does not do here.
const NO_FORWARDING: &str = "the simulator forwards through ELBs only: nothing answers here";

struct Tree<'a> {
    cloud: &'a Cloud,
    held: Snapshot,
    open: Vec<FrontEnd>,
    bound: &'a Bound,
    now: Timestamp,
}

pub(super) fn write(
    page: &mut String,
    cloud: &Cloud,
    bound: &Bound,
    now: Timestamp,
) -> fmt::Result {
    let tree = Tree {
        cloud,
        held: cloud.snapshot(),
        open: cloud.front_ends(),
        bound,
        now,
    };
    page.push_str("<h2>What exists</h2><ul class=\"top\">");
    for region in &tree.held.regions {
        let (id, name) = (escape(&region.id), escape(&region.name));
        write!(
            page,
            "<li><span class=\"dim\">region</span> <b>{id}</b> {name}<ul>"
        )?;
        for network in tree.held.networks.iter().filter(|n| n.region == region.id) {
            let (id, cidr) = (escape(&network.id), escape(&network.cidr));
            let status = status(network.status.as_str());
            write!(
                page,
                "<li><span class=\"dim\">network</span> <b>{id}</b> {cidr} {status}<ul>"
            )?;
            for vswitch in tree
                .held
                .vswitches
                .iter()
                .filter(|v| v.network == network.id)
            {
                tree.vswitch(page, vswitch)?;
            }
            page.push_str("</ul>");
        }
        let mut eips = tree.held.eips.iter().filter(|eip| eip.region == region.id);
        eips.try_for_each(|eip| tree.eip(page, eip))?;
        page.push_str("</ul>");
    }
    page.push_str("</ul>");
    Ok(())
}

impl Tree<'_> {
    fn vswitch(&self, page: &mut String, vswitch: &VSwitch) -> fmt::Result {
        write!(
            page,
            "<li><span class=\"dim\">vSwitch</span> <b>{}</b> {}/{} {}<ul>",
            escape(&vswitch.id),
            vswitch.base,
            vswitch.prefix,
            status(vswitch.status.as_str())
        )?;
        let balancers = &self.held.load_balancers;
        for balancer in balancers.iter().filter(|b| b.vswitch == vswitch.id) {
            self.load_balancer(page, balancer)?;
        }
        let instances = self.held.instances.iter();
        for instance in instances.filter(|i| i.vswitch == vswitch.id) {
            write_instance(page, instance)?;
        }
        page.push_str("</ul>");
        Ok(())
    }

    fn load_balancer(&self, page: &mut String, balancer: &LoadBalancer) -> fmt::Result {
        write!(
            page,
            "<li><span class=\"dim\">ELB</span> <b>{}</b> {} {} {} {}<ul>",
            escape(&balancer.id),
            name(&balancer.name, &balancer.id),
            balancer.address,
            status(balancer.status()),
            self.made(&balancer.origin, balancer.created)
        )?;
        for listener in balancer.listeners.values() {
            self.listener(page, balancer, listener)?;
        }
        for server in &balancer.backends {
            let (id, ip) = (escape(&server.server_id), escape(server.ip.trim_end()));
            write!(
                page,
                "<li><span class=\"dim\">server</span> {id} {ip} weight {}",
                server.weight
            )?;
            for key in self.cloud.unhealthy() {
                if key.load_balancer == balancer.id && key.server_id == server.server_id {
                    let listener = key.listener;
                    write!(
                        page,
                        " <span class=\"bad\">unhealthy for {} {}</span>",
                        listener.protocol, listener.port
                    )?;
                }
            }
        }
        page.push_str("</ul>");
        Ok(())
    }

    fn listener(
        &self,
        page: &mut String,
        balancer: &LoadBalancer,
        listener: &Listener,
    ) -> fmt::Result {
        write!(
            page,
            "<li><span class=\"dim\">listener</span> {} {} &rarr; {} {} {}",
            listener.protocol,
            listener.port,
            listener.backend_port(),
            escape(listener.text("Scheduler")),
            status(listener.status.as_str())
        )?;
        let fronts = self.open.iter().filter(|front| {
            front.load_balancer == balancer.id
                && (front.port, front.protocol) == (listener.port, listener.protocol)
        });
        for front in fronts {
            let key = (front.address, front.protocol, front.port);
            let moved = self.bound.get(&key).filter(|at| at.port() != front.port);
            write!(page, " at {}:{}", front.address, front.port)?;
            if let Some(at) = moved {
                write!(page, " <span class=\"busy\">here at {at}</span>")?;
            }
        }
        if let Some(trouble) = &listener.trouble {
            write!(page, " <span class=\"bad\">{}</span>", escape(trouble))?;
        }
        Ok(())
    }

    fn eip(&self, page: &mut String, eip: &Eip) -> fmt::Result {
        write!(
            page,
            "<li><span class=\"dim\">EIP</span> <b>{}</b> {} {} {}",
            escape(&eip.id),
            name(&eip.name, &eip.id),
            eip.address,
            status(eip.status.as_str())
        )?;
        if let Some(binding) = &eip.binding {
            write!(page, " bound to {}", escape(&binding.instance_id))?;
            if binding.is_instance() {
                write!(page, " <span class=\"bad\">{NO_FORWARDING}</span>")?;
            }
        }
        write!(page, " {}", self.made(&eip.origin, eip.created))
    }

    fn made(&self, origin: &Origin, at: Timestamp) -> impl fmt::Display {
        let text = match origin {
            Origin::World => "there from the start".to_owned(),
            Origin::Call { .. } => format!("made {}", ago(self.now, at)),
        };
        format!("<span class=\"dim\">{text}</span>")
    }
}

fn write_instance(page: &mut String, instance: &Instance) -> fmt::Result {
    let word = match instance.status {
        InstanceStatus::Running => "Running",
        InstanceStatus::Stopped => "Stopped",
        InstanceStatus::Expired => "Expired",
    };
    write!(
        page,
        "<li><span class=\"dim\">instance</span> <b>{}</b> {} {} {}",
        escape(&instance.id),
        name(&instance.name, &instance.id),
        instance.private_ip,
        status(word)
    )?;
    match instance.reach {
        Some(address) => write!(page, " reached at {address}"),
        None => write!(
            page,
            " <span class=\"dim\">not placed on this machine</span>"
        ),
    }
}

/// A display name, unless it only repeats the id.
fn name(name: &str, id: &str) -> impl fmt::Display {
    escape(if name == id { "" } else { name }.to_owned())
}

/// A status, in the colour of what it means.
fn status(word: &str) -> impl fmt::Display {
    let class = match word {
        "Active" | "Available" | "InUse" | "Running" => "good",
        "InActive" | "Stopped" | "Expired" => "bad",
        _ => "busy",
    };
    format!("<span class=\"{class}\">{word}</span>")
}
