//! How the cloud behaves where the public documents are silent.

use serde::{Deserialize, Serialize};

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
    /// One write keeps an ELB busy for [`Latency::busy`](super::Latency::busy); others are refused with IncorrectInstanceStatus meanwhile.
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
    /// A call beyond the published rate is told in the header `x-acs-retry-after` when the next one may come. Clients of
    /// the cloud read the header; no document says that ENS sends it.
    pub throttling_says_how_long: bool,
    /// A creation whose effect is still to come holds its ClientToken: repetitions get PROCESSING until it has come. The
    /// SDK's text says that the code may be answered with the same token, not what brings it about. Otherwise a repetition
    /// overtakes the first call, which then finds its work done.
    pub late_call_holds_token: bool,
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
            throttling_says_how_long: false,
            late_call_holds_token: true,
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

/// How one switch is turned over.
struct Turn {
    name: &'static str,
    /// What the cloud does differently then.
    effect: &'static str,
    flip: fn(&mut Switches),
}

impl Switches {
    /// The default with exactly one switch turned over, once per switch, with the switch's name: what a sweep runs a
    /// client against.
    #[must_use]
    pub fn each() -> Vec<(&'static str, Self)> {
        let turned = |row: &Turn| {
            let mut switches = Self::default();
            (row.flip)(&mut switches);
            (row.name, switches)
        };
        Self::TURNS.iter().map(turned).collect()
    }

    /// The name of each switch, and what the cloud does differently when it is turned over from its default.
    pub fn effects() -> impl Iterator<Item = (&'static str, &'static str)> {
        Self::TURNS.iter().map(|row| (row.name, row.effect))
    }

    /// Turns the switch of that name over; says whether there is one.
    pub fn turn(&mut self, name: &str) -> bool {
        let found = Self::TURNS.iter().find(|row| row.name == name);
        found.map(|row| (row.flip)(self)).is_some()
    }

    const TURNS: &'static [Turn] = &[
        Turn {
            name: "long_names_refused",
            effect: "CreateLoadBalancer takes names of 81 to 128 characters",
            flip: |s| s.long_names_refused ^= true,
        },
        Turn {
            name: "set_refused_while_running",
            effect: "Set...ListenerAttribute refuses a TCP or UDP listener that is Running, as it does HTTP and HTTPS ones",
            flip: |s| s.set_refused_while_running ^= true,
        },
        Turn {
            name: "delete_refused_while_running",
            effect: "DeleteLoadBalancerListener takes a listener that is Running",
            flip: |s| s.delete_refused_while_running ^= true,
        },
        Turn {
            name: "repeated_start_or_stop_refused",
            effect: "starting what is Running, or stopping what is Stopped, succeeds",
            flip: |s| s.repeated_start_or_stop_refused ^= true,
        },
        Turn {
            name: "busy_per_elb",
            effect: "a write keeps an ELB busy for half a second; others get IncorrectInstanceStatus meanwhile",
            flip: |s| s.busy_per_elb ^= true,
        },
        Turn {
            name: "delete_load_balancer_known",
            effect: "there is no action DeleteLoadBalancer",
            flip: |s| s.delete_load_balancer_known ^= true,
        },
        Turn {
            name: "release_instance_takes_elb",
            effect: "ReleaseInstance refuses the id of an ELB",
            flip: |s| s.release_instance_takes_elb ^= true,
        },
        Turn {
            name: "release_needs_inactive",
            effect: "an ELB that is Active cannot be released",
            flip: |s| s.release_needs_inactive ^= true,
        },
        Turn {
            name: "release_refused_while_bound",
            effect: "an ELB with a bound EIP cannot be released",
            flip: |s| s.release_refused_while_bound ^= true,
        },
        Turn {
            name: "new_elb_stays_inactive",
            effect: "a new ELB stays InActive until SetLoadBalancerStatus",
            flip: |s| s.new_elb_stays_inactive ^= true,
        },
        Turn {
            name: "qch_on_tcp_refused",
            effect: "TCP listeners take the schedulers qch and iqch",
            flip: |s| s.qch_on_tcp_refused ^= true,
        },
        Turn {
            name: "unknown_parameters_refused",
            effect: "parameters that an action does not know are ignored",
            flip: |s| s.unknown_parameters_refused ^= true,
        },
        Turn {
            name: "gone_eip_answers_5100",
            effect: "releasing an EIP that is gone answers 5100, not InstanceNotFound",
            flip: |s| s.gone_eip_answers_5100 ^= true,
        },
        Turn {
            name: "backend_ip_with_line_feed",
            effect: "the Ip of a server reads without a line feed at its end",
            flip: |s| s.backend_ip_with_line_feed ^= true,
        },
        Turn {
            name: "add_of_attached_refused",
            effect: "AddBackendServers refuses a batch with a server that is attached",
            flip: |s| s.add_of_attached_refused ^= true,
        },
        Turn {
            name: "removal_cuts_flows",
            effect: "the flows of a server that is removed go on to their own end",
            flip: |s| s.removal_cuts_flows ^= true,
        },
        Turn {
            name: "throttling_says_how_long",
            effect: "Throttling.User comes with the header x-acs-retry-after",
            flip: |s| s.throttling_says_how_long ^= true,
        },
        Turn {
            name: "late_call_holds_token",
            effect: "a creation that is repeated before its late effect succeeds at once, not with PROCESSING meanwhile",
            flip: |s| s.late_call_holds_token ^= true,
        },
        Turn {
            name: "name_filter",
            effect: "lists filter by the whole name, not by a part of it",
            flip: |s| {
                s.name_filter = match s.name_filter {
                    NameFilter::Exact => NameFilter::Substring,
                    NameFilter::Substring => NameFilter::Exact,
                };
            },
        },
        Turn {
            name: "missing_load_balancer",
            effect: "reading a missing ELB answers 200 with a RequestId alone",
            flip: |s| {
                s.missing_load_balancer = match s.missing_load_balancer {
                    MissingLoadBalancer::Refused => MissingLoadBalancer::EmptyAnswer,
                    MissingLoadBalancer::EmptyAnswer => MissingLoadBalancer::Refused,
                };
            },
        },
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
