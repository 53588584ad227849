//! What stands in the cloud before the first call.

use std::net::Ipv4Addr;

use super::resource::{InstanceStatus, Region};

/// Regions, networks, nodes and a person's own ELBs: the initial state of one account.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(crate) regions: Vec<Region>,
    pub(crate) networks: Vec<(String, String, String)>,
    pub(crate) vswitches: Vec<(String, String, Ipv4Addr)>,
    pub(crate) instances: Vec<WorldInstance>,
    pub(crate) load_balancers: Vec<WorldLoadBalancer>,
}

#[derive(Clone, Debug)]
pub(crate) struct WorldInstance {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vswitch: String,
    pub(crate) status: InstanceStatus,
}

#[derive(Clone, Debug)]
pub(crate) struct WorldLoadBalancer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vswitch: String,
    pub(crate) eip: Option<String>,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The world of the multi-region user guide: two regions with two vSwitches and two nodes each, and in each region
    /// an Active ELB of the user's with an EIP bound to it. (`heifei` is the guide's own spelling.)
    #[must_use]
    pub fn guide() -> Self {
        Self::new()
            .region("cn-hefei", "Hefei")
            .network("n-heifei", "cn-hefei", "10.8.0.0/16")
            .vswitch("vsw-heifei-1", "n-heifei", Ipv4Addr::new(10, 8, 1, 0))
            .vswitch("vsw-heifei-2", "n-heifei", Ipv4Addr::new(10, 8, 2, 0))
            .instance("i-heifei-1", "heifei-1", "vsw-heifei-1")
            .instance("i-heifei-2", "heifei-2", "vsw-heifei-2")
            .user_load_balancer(
                "lb-heifei",
                "user-heifei",
                "vsw-heifei-1",
                Some("eip-heifei"),
            )
            .region("cn-chengdu", "Chengdu")
            .network("n-chengdu", "cn-chengdu", "10.9.0.0/16")
            .vswitch("vsw-chengdu-1", "n-chengdu", Ipv4Addr::new(10, 9, 1, 0))
            .vswitch("vsw-chengdu-2", "n-chengdu", Ipv4Addr::new(10, 9, 2, 0))
            .instance("i-chengdu-1", "chengdu-1", "vsw-chengdu-1")
            .instance("i-chengdu-2", "chengdu-2", "vsw-chengdu-2")
            .user_load_balancer(
                "lb-chengdu",
                "user-chengdu",
                "vsw-chengdu-1",
                Some("eip-chengdu"),
            )
    }

    /// Adds an edge node with all three carriers.
    #[must_use]
    pub fn region(mut self, id: &str, name: &str) -> Self {
        let isps = ["cmcc", "unicom", "telecom"].map(str::to_owned).to_vec();
        self.regions.push(Region {
            id: id.to_owned(),
            name: name.to_owned(),
            isps,
        });
        self
    }

    /// Adds a network of `region` with an address range such as `10.8.0.0/16`.
    #[must_use]
    pub fn network(mut self, id: &str, region: &str, cidr: &str) -> Self {
        self.networks
            .push((id.to_owned(), region.to_owned(), cidr.to_owned()));
        self
    }

    /// Adds a vSwitch of `network` whose range is the /24 that starts at `base`.
    #[must_use]
    pub fn vswitch(mut self, id: &str, network: &str, base: Ipv4Addr) -> Self {
        self.vswitches
            .push((id.to_owned(), network.to_owned(), base));
        self
    }

    /// Adds a Running instance in `vswitch`; `name` is its display name and its host name.
    #[must_use]
    pub fn instance(self, id: &str, name: &str, vswitch: &str) -> Self {
        self.instance_in(id, name, vswitch, InstanceStatus::Running)
    }

    /// Adds an instance in a state of the caller's choice.
    #[must_use]
    pub fn instance_in(
        mut self,
        id: &str,
        name: &str,
        vswitch: &str,
        status: InstanceStatus,
    ) -> Self {
        self.instances.push(WorldInstance {
            id: id.to_owned(),
            name: name.to_owned(),
            vswitch: vswitch.to_owned(),
            status,
        });
        self
    }

    /// Adds an Active ELB of the user's in `vswitch`, with an EIP bound to it where an id for one is given.
    #[must_use]
    pub fn user_load_balancer(
        mut self,
        id: &str,
        name: &str,
        vswitch: &str,
        eip: Option<&str>,
    ) -> Self {
        self.load_balancers.push(WorldLoadBalancer {
            id: id.to_owned(),
            name: name.to_owned(),
            vswitch: vswitch.to_owned(),
            eip: eip.map(str::to_owned),
        });
        self
    }
}

/// What is wrong with a [`World`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A network names a region that is not there.
    #[error("network {network} lies in region {region}, which the world does not have")]
    UnknownRegion {
        /// The network.
        network: String,
        /// The region it names.
        region: String,
    },
    /// A vSwitch names a network that is not there.
    #[error("vSwitch {vswitch} belongs to network {network}, which the world does not have")]
    UnknownNetwork {
        /// The vSwitch.
        vswitch: String,
        /// The network it names.
        network: String,
    },
    /// An instance or an ELB names a vSwitch that is not there.
    #[error("{resource} lies in vSwitch {vswitch}, which the world does not have")]
    UnknownVSwitch {
        /// The instance or ELB.
        resource: String,
        /// The vSwitch it names.
        vswitch: String,
    },
    /// The EIP addresses, or those of a vSwitch, ran out.
    #[error("no free address is left for {resource}")]
    NoAddress {
        /// What wanted one.
        resource: String,
    },
}
