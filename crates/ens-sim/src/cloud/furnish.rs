//! Puts the initial world into the owner's account.

use std::collections::BTreeMap;

use super::resource::{
    Binding, Eip, EipStatus, Instance, Life, LoadBalancer, Network, NetworkStatus, Origin, VSwitch,
};
use super::scope::next_address;
use super::transitions::free_address;
use super::world::{World, WorldError, WorldInstance, WorldLoadBalancer};
use super::{Cloud, State};
use crate::time::Timestamp;

impl Cloud {
    pub(super) fn furnish(&mut self, world: &World) -> Result<(), WorldError> {
        for (id, region, cidr) in &world.networks {
            self.add_network(id, region, cidr)?;
        }
        let state = self
            .accounts
            .entry(self.config.account.clone())
            .or_default();
        for (id, network, base) in &world.vswitches {
            let Some(parent) = state.networks.get(network) else {
                return Err(WorldError::UnknownNetwork {
                    vswitch: id.clone(),
                    network: network.clone(),
                });
            };
            let vswitch = VSwitch {
                id: id.clone(),
                network: network.clone(),
                region: parent.region.clone(),
                name: id.clone(),
                base: *base,
                prefix: 24,
                status: NetworkStatus::Available,
            };
            state.vswitches.insert(id.clone(), vswitch);
        }
        for instance in &world.instances {
            add_instance(state, instance)?;
        }
        world
            .load_balancers
            .iter()
            .try_for_each(|balancer| self.add_load_balancer(balancer))
    }

    fn add_network(&mut self, id: &str, region: &str, cidr: &str) -> Result<(), WorldError> {
        if !self.regions.contains_key(region) {
            return Err(WorldError::UnknownRegion {
                network: id.to_owned(),
                region: region.to_owned(),
            });
        }
        let network = Network {
            id: id.to_owned(),
            region: region.to_owned(),
            name: id.to_owned(),
            cidr: cidr.to_owned(),
            status: NetworkStatus::Available,
        };
        let state = self
            .accounts
            .entry(self.config.account.clone())
            .or_default();
        state.networks.insert(id.to_owned(), network);
        Ok(())
    }

    fn add_load_balancer(&mut self, given: &WorldLoadBalancer) -> Result<(), WorldError> {
        let state = self
            .accounts
            .entry(self.config.account.clone())
            .or_default();
        let vswitch = find_vswitch(state, &given.id, &given.vswitch)?;
        let address = free_address(state, &vswitch).ok_or(WorldError::NoAddress {
            resource: given.id.clone(),
        })?;
        let balancer = LoadBalancer {
            id: given.id.clone(),
            name: given.name.clone(),
            spec: "elb.s2.small".to_owned(),
            kind: "CLB".to_owned(),
            region: vswitch.region.clone(),
            network: vswitch.network.clone(),
            vswitch: vswitch.id.clone(),
            address,
            created: Timestamp::default(),
            origin: Origin::World,
            life: Life::Ready,
            active: true,
            busy_until: Timestamp::default(),
            listed_from: Timestamp::default(),
            listeners: BTreeMap::new(),
            backends: Vec::new(),
        };
        state.add_load_balancer(balancer);
        let Some(id) = &given.eip else { return Ok(()) };
        let address = next_address(
            self.config.eip_pool,
            &mut self.eip_addresses,
            &mut self.next_eip,
        )
        .ok_or(WorldError::NoAddress {
            resource: id.clone(),
        })?;
        let eip = Eip {
            id: id.clone(),
            name: given.name.clone(),
            description: String::new(),
            region: vswitch.region,
            address,
            bandwidth: 5,
            isp: "telecom".to_owned(),
            tags: BTreeMap::new(),
            created: Timestamp::default(),
            origin: Origin::World,
            status: EipStatus::InUse,
            binding: Some(Binding {
                instance_id: given.id.clone(),
                instance_type: "SlbInstance".to_owned(),
            }),
            standby: false,
            listed_from: Timestamp::default(),
        };
        state.add_eip(eip);
        Ok(())
    }
}

fn add_instance(state: &mut State, given: &WorldInstance) -> Result<(), WorldError> {
    let vswitch = find_vswitch(state, &given.id, &given.vswitch)?;
    let private_ip = free_address(state, &vswitch).ok_or(WorldError::NoAddress {
        resource: given.id.clone(),
    })?;
    let instance = Instance {
        id: given.id.clone(),
        name: given.name.clone(),
        host_name: given.name.clone(),
        region: vswitch.region,
        network: vswitch.network,
        vswitch: vswitch.id,
        private_ip,
        tags: BTreeMap::new(),
        reach: None,
        status: given.status,
    };
    state.addresses.insert(private_ip);
    state.instances.insert(given.id.clone(), instance);
    Ok(())
}

fn find_vswitch(state: &State, resource: &str, vswitch: &str) -> Result<VSwitch, WorldError> {
    state
        .vswitches
        .get(vswitch)
        .cloned()
        .ok_or_else(|| WorldError::UnknownVSwitch {
            resource: resource.to_owned(),
            vswitch: vswitch.to_owned(),
        })
}
