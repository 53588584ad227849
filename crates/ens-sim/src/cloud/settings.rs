//! What can be set before a cloud starts: how long things take, and how it behaves where the public documents are silent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long each asynchronous change takes. None of these times is published; `real` follows what public clients wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// From CreateLoadBalancer to Active.
    pub load_balancer_create: Duration,
    /// From SetLoadBalancerStatus to the new status.
    pub load_balancer_status: Duration,
    /// From ReleaseInstance or DeleteLoadBalancer until the ELB is gone.
    pub load_balancer_release: Duration,
    /// From CreateEipInstance to Available.
    pub eip_create: Duration,
    /// From AssociateEnsEipAddress to InUse.
    pub eip_bind: Duration,
    /// From UnAssociateEnsEipAddress to Available.
    pub eip_unbind: Duration,
    /// From DeleteEip or ReleaseInstance until the EIP is gone.
    pub eip_release: Duration,
    /// From StartLoadBalancerListener to Running.
    pub listener_start: Duration,
    /// From StopLoadBalancerListener to Stopped.
    pub listener_stop: Duration,
    /// From DeleteLoadBalancerListener until the listener is gone and its port is free.
    pub listener_delete: Duration,
    /// How long one write keeps an ELB busy, where [`Switches::busy_per_elb`] is on.
    pub busy: Duration,
    /// How long lists lag: a new object is not listed yet, a released one still is.
    pub list_lag: Duration,
}

impl Latency {
    /// Times of the size that a real edge region shows.
    #[must_use]
    pub const fn real() -> Self {
        Self {
            load_balancer_create: Duration::from_secs(8),
            load_balancer_status: Duration::from_secs(2),
            load_balancer_release: Duration::from_secs(3),
            eip_create: Duration::from_secs(5),
            eip_bind: Duration::from_secs(3),
            eip_unbind: Duration::from_secs(3),
            eip_release: Duration::from_secs(3),
            listener_start: Duration::from_secs(1),
            listener_stop: Duration::from_secs(1),
            listener_delete: Duration::from_secs(1),
            busy: Duration::from_millis(500),
            list_lag: Duration::ZERO,
        }
    }

    /// Tens of milliseconds: every transition can be seen, and nobody waits for it.
    #[must_use]
    pub const fn fast() -> Self {
        let short = Duration::from_millis(20);
        Self {
            load_balancer_create: Duration::from_millis(60),
            load_balancer_status: short,
            load_balancer_release: Duration::from_millis(40),
            eip_create: Duration::from_millis(50),
            eip_bind: Duration::from_millis(40),
            eip_unbind: Duration::from_millis(40),
            eip_release: Duration::from_millis(40),
            listener_start: short,
            listener_stop: short,
            listener_delete: short,
            busy: Duration::from_millis(10),
            list_lag: Duration::ZERO,
        }
    }

    /// Everything happens within the call that asks for it.
    #[must_use]
    pub const fn instant() -> Self {
        let none = Duration::ZERO;
        Self {
            load_balancer_create: none,
            load_balancer_status: none,
            load_balancer_release: none,
            eip_create: none,
            eip_bind: none,
            eip_unbind: none,
            eip_release: none,
            listener_start: none,
            listener_stop: none,
            listener_delete: none,
            busy: none,
            list_lag: none,
        }
    }
}

/// How a list filters by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameFilter {
    /// Only equal names.
    Exact,
    /// Names that contain the text.
    Substring,
}

/// How DescribeLoadBalancerAttribute answers for an id that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingLoadBalancer {
    /// HTTP 400 LoadBalancerNotFound, as the sibling actions document it.
    Refused,
    /// HTTP 200 with only a RequestId; two public clients (the terraform provider and the former ELB controller of
    /// kubernetes/cloud-provider-alibaba-cloud) guard against this.
    EmptyAnswer,
}

/// The facts that no public document settles, each with a name, so that a client can be shown to work with every setting.
/// The default is the reading that public clients support best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // Each is one independent question about the cloud.
pub struct Switches {
    /// CreateLoadBalancer refuses names of more than 80 characters.
    pub long_names_refused: bool,
    /// Set...ListenerAttribute of a TCP or UDP listener is refused while it is Running. (HTTP and HTTPS always are.)
    pub set_refused_while_running: bool,
    /// DeleteLoadBalancerListener is refused while the listener is Running (the help page names the code).
    pub delete_refused_while_running: bool,
    /// Starting what is Running, or stopping what is Stopped, is refused.
    pub repeated_start_or_stop_refused: bool,
    /// One write keeps an ELB busy for [`Latency::busy`]; others are refused with IncorrectInstanceStatus meanwhile.
    pub busy_per_elb: bool,
    /// How LoadBalancerName and EipName filter.
    pub name_filter: NameFilter,
    /// DeleteLoadBalancer exists. It is in no SDK; the terraform provider calls it.
    pub delete_load_balancer_known: bool,
    /// ReleaseInstance takes the id of an ELB, as its summary says.
    pub release_instance_takes_elb: bool,
    /// Releasing an ELB is refused unless it is InActive.
    pub release_needs_inactive: bool,
    /// Releasing an ELB is refused while an EIP is bound to it.
    pub release_refused_while_bound: bool,
    /// A new ELB stays InActive until SetLoadBalancerStatus.
    pub new_elb_stays_inactive: bool,
    /// How a missing ELB reads.
    pub missing_load_balancer: MissingLoadBalancer,
    /// Scheduler qch and iqch are refused on TCP listeners, as the newest SDK documents.
    pub qch_on_tcp_refused: bool,
    /// Parameters that an action does not know are refused.
    pub unknown_parameters_refused: bool,
    /// Releasing an EIP that is gone answers code 5100 instead of InstanceNotFound.
    pub gone_eip_answers_5100: bool,
    /// The Ip of a backend ends with a line feed in reads, as the sample of the help page does.
    pub backend_ip_with_line_feed: bool,
    /// AddBackendServers refuses the whole batch when one server is already attached.
    pub add_of_attached_refused: bool,
    /// Removing a server ends the flows that it serves. Otherwise they go on to their own end, as those of a server of
    /// weight 0 do.
    pub removal_cuts_flows: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            long_names_refused: true,
            set_refused_while_running: false,
            delete_refused_while_running: true,
            repeated_start_or_stop_refused: true,
            busy_per_elb: false,
            name_filter: NameFilter::Substring,
            delete_load_balancer_known: true,
            release_instance_takes_elb: true,
            release_needs_inactive: false,
            release_refused_while_bound: false,
            new_elb_stays_inactive: false,
            missing_load_balancer: MissingLoadBalancer::Refused,
            qch_on_tcp_refused: true,
            unknown_parameters_refused: true,
            gone_eip_answers_5100: false,
            backend_ip_with_line_feed: true,
            add_of_attached_refused: false,
            removal_cuts_flows: true,
        }
    }
}

/// Turns one switch over.
type Turn = fn(&mut Switches);

impl Switches {
    /// The default with exactly one switch turned over, once per switch, with the switch's name: what a sweep runs a
    /// client against.
    #[must_use]
    pub fn each() -> Vec<(&'static str, Self)> {
        let turned = |(name, turn): &(&'static str, Turn)| {
            let mut switches = Self::default();
            turn(&mut switches);
            (*name, switches)
        };
        Self::TURNS.iter().map(turned).collect()
    }

    /// Turns the switch of that name over; says whether there is one.
    pub fn turn(&mut self, name: &str) -> bool {
        let found = Self::TURNS.iter().find(|(known, _)| *known == name);
        found.map(|(_, turn)| turn(self)).is_some()
    }

    const TURNS: &'static [(&'static str, Turn)] = &[
        ("long_names_refused", |s| {
            s.long_names_refused ^= true;
        }),
        ("set_refused_while_running", |s| {
            s.set_refused_while_running ^= true;
        }),
        ("delete_refused_while_running", |s| {
            s.delete_refused_while_running ^= true;
        }),
        ("repeated_start_or_stop_refused", |s| {
            s.repeated_start_or_stop_refused ^= true;
        }),
        ("busy_per_elb", |s| {
            s.busy_per_elb ^= true;
        }),
        ("delete_load_balancer_known", |s| {
            s.delete_load_balancer_known ^= true;
        }),
        ("release_instance_takes_elb", |s| {
            s.release_instance_takes_elb ^= true;
        }),
        ("release_needs_inactive", |s| {
            s.release_needs_inactive ^= true;
        }),
        ("release_refused_while_bound", |s| {
            s.release_refused_while_bound ^= true;
        }),
        ("new_elb_stays_inactive", |s| {
            s.new_elb_stays_inactive ^= true;
        }),
        ("qch_on_tcp_refused", |s| {
            s.qch_on_tcp_refused ^= true;
        }),
        ("unknown_parameters_refused", |s| {
            s.unknown_parameters_refused ^= true;
        }),
        ("gone_eip_answers_5100", |s| {
            s.gone_eip_answers_5100 ^= true;
        }),
        ("backend_ip_with_line_feed", |s| {
            s.backend_ip_with_line_feed ^= true;
        }),
        ("add_of_attached_refused", |s| {
            s.add_of_attached_refused ^= true;
        }),
        ("removal_cuts_flows", |s| {
            s.removal_cuts_flows ^= true;
        }),
        ("name_filter", |s| {
            s.name_filter = match s.name_filter {
                NameFilter::Exact => NameFilter::Substring,
                NameFilter::Substring => NameFilter::Exact,
            };
        }),
        ("missing_load_balancer", |s| {
            s.missing_load_balancer = match s.missing_load_balancer {
                MissingLoadBalancer::Refused => MissingLoadBalancer::EmptyAnswer,
                MissingLoadBalancer::EmptyAnswer => MissingLoadBalancer::Refused,
            };
        }),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_differs_from_the_default_in_the_named_switch_alone() {
        let fields = |switches: &Switches| {
            serde_json::to_value(switches)
                .unwrap()
                .as_object()
                .unwrap()
                .clone()
        };
        let default = fields(&Switches::default());
        let each = Switches::each();
        assert_eq!(each.len(), default.len(), "a switch is not swept");
        for (name, switches) in each {
            let changed: Vec<String> = fields(&switches)
                .into_iter()
                .filter(|(field, value)| default[field] != *value)
                .map(|(f, _)| f)
                .collect();
            assert_eq!(changed, [name]);
            let mut back = switches;
            assert!(back.turn(name));
            assert_eq!(back, Switches::default());
        }
        assert!(!Switches::default().turn("colour"));
    }
}
