//! S1 to S6: what holds at every instant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, Flow, Life, LoadBalancer, Origin, Protocol};
use poolservice_api::keys;
use serde_json::{Value, json};

use super::load::{Load, Tally};
use super::wanted::{addresses, nodes_with_ready_pods, port, readiness, wanted};
use super::{condition, is_terminating, items, label, ledger, name, namespace, pool_service};
use crate::transcript::is_read;
use crate::world::View;

/// What the invariants remember from one look to the next.
#[derive(Debug, Default)]
pub struct Monitor {
    /// How many double creations and foreign touches were told already.
    told_doubles: usize,
    told_touches: usize,
    /// Calls of the cloud up to this number were judged.
    judged: u64,
    /// Ids that a ledger has had, or a person has named.
    known_ids: BTreeSet<String>,
    /// What a person has on a person's load balancers.
    foreign: BTreeMap<String, Foreign>,
    /// PoolServices with our finalizer, as last seen, by UID.
    guarded: BTreeMap<String, Value>,
    /// Services with our finalizer, by UID.
    guarded_services: BTreeMap<String, (String, String)>,
    /// PoolServices that have published an address, by UID.
    published: BTreeSet<String>,
    /// Since when a Service, by its UID, has a port.
    ports: BTreeMap<(String, Protocol, u16), Timestamp>,
    /// From when to when a process stood still last.
    hung: Option<(Timestamp, Timestamp)>,
    /// Ports that nobody changes.
    steady: BTreeSet<(Protocol, u16)>,
    /// Connections through them, by PoolService (its UID), address and port.
    held: BTreeMap<(String, Ipv4Addr, Protocol, u16), Load>,
    /// Ports under a constant load, by PoolService.
    loads: BTreeMap<String, Load>,
    /// What was told, so that it is told once.
    told: BTreeSet<String>,
}

impl Monitor {
    /// From now on this port of every published address has to accept all the time, its address has to stay published,
    /// and connections through it last until their server is not wanted any more.
    pub fn keep_serving(&mut self, protocol: Protocol, port: u16) {
        self.steady.insert((protocol, port));
    }

    /// This port may stop serving again.
    pub fn release(&mut self, protocol: Protocol, port: u16) {
        self.steady.remove(&(protocol, port));
        self.held
            .retain(|key, _| (key.2, key.3) != (protocol, port));
    }

    /// A listener on a person's load balancer need not stay as it is.
    pub fn give_up(&mut self, load_balancer: &str, protocol: Protocol, port: u16) {
        if let Some(foreign) = self.foreign.get_mut(load_balancer) {
            foreign.things.remove(&listener_key(protocol, port));
        }
    }

    /// Clients begin to connect through a port of the address that a PoolService publishes. Says whether it publishes
    /// one.
    pub(crate) fn put_under_load(
        &mut self,
        view: &View,
        name: &str,
        protocol: Protocol,
        port: u16,
    ) -> bool {
        let ps = pool_service(view, name);
        let address = ps.and_then(|ps| addresses(ps).into_iter().next());
        if let Some(address) = address {
            let load = Load::new(address, protocol, port);
            self.loads.insert(name.to_owned(), load);
        }
        address.is_some()
    }

    /// A process stands still for this time. What it does right after is decided on what was before.
    pub(crate) fn hangs(&mut self, from: Timestamp, until: Timestamp) {
        self.hung = Some((from, until));
    }

    /// From now on connections to these servers may be lost, and to no others.
    pub fn may_lose(&mut self, servers: &[&str]) {
        for load in self.loads.values_mut() {
            load.may_lose_none();
            load.may_lose(servers.iter().map(|server| (*server).to_owned()));
        }
    }

    /// What became of the load's connections so far.
    pub fn tally(&self) -> Tally {
        let tallies = self.loads.values().map(Load::tally);
        tallies.fold(Tally::default(), Tally::and)
    }

    /// One more client connects through each port under load. It ends its connection after `life`, or never. Gives what
    /// does not hold and was not told before.
    pub(crate) fn connect(
        &mut self,
        view: &View,
        cloud: &mut Cloud,
        now: Timestamp,
        life: Option<Duration>,
    ) -> Vec<String> {
        let mut found = Vec::new();
        self.under_load(view, cloud, now, &mut found);
        for (ps, load) in &mut self.loads {
            if let Some(service) = pool_service(view, ps).and_then(|ps| service_of(view, ps)) {
                found.extend(load.connect(view, service, cloud, now, life).err());
            }
        }
        found.retain(|text| self.told.insert(text.clone()));
        found
    }

    /// What a person has on load balancers that stood there from the start has to stay so. The
    /// first `calls` calls of the cloud are not judged: a person made them.
    pub fn remember_foreign(&mut self, view: &View, calls: u64) {
        self.judged = calls;
        let ours = ours_on_users(view);
        self.foreign = view
            .cloud
            .load_balancers
            .iter()
            .filter(|lb| lb.origin == Origin::World)
            .map(|lb| (lb.id.clone(), Foreign::of(lb, &ours)))
            .collect();
    }

    /// Looks at everything once; gives what does not hold and was not told before.
    pub(crate) fn look(&mut self, view: &View, cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
        let mut found = Vec::new();
        for ps in &view.pool_services {
            self.know(ps);
        }
        self.one_of_each(cloud, &mut found);
        self.only_ours(view, cloud, &mut found);
        self.finalizers(view, &mut found);
        self.first_publication(view, cloud, now, &mut found);
        self.steady_ports(view, cloud, now, &mut found);
        self.under_load(view, cloud, now, &mut found);
        found.retain(|text| self.told.insert(text.clone()));
        found
    }

    /// Ids that may be written to: those of ledgers, and those that a person named.
    fn know(&mut self, ps: &Value) {
        let ledger = ledger(ps);
        let ids = [&ledger["loadBalancer"]["id"], &ledger["eip"]["id"]];
        let ids = ids.iter().filter_map(|id| id.as_str());
        self.known_ids.extend(ids.map(str::to_owned));
    }

    fn one_of_each(&mut self, cloud: &Cloud, found: &mut Vec<String>) {
        let doubles = &cloud.journal().doubles;
        for double in doubles.iter().skip(self.told_doubles) {
            found.push(format!(
                "S1: {:?} {} was made while {} of the same name {} lived",
                double.kind, double.second, double.first, double.name
            ));
        }
        self.told_doubles = doubles.len();
    }

    fn only_ours(&mut self, view: &View, cloud: &Cloud, found: &mut Vec<String>) {
        let journal = cloud.journal();
        for touch in journal.foreign_touches.iter().skip(self.told_touches) {
            found.push(format!(
                "S2: {} changed {}, a person's",
                touch.action, touch.id
            ));
        }
        self.told_touches = journal.foreign_touches.len();
        let fresh = journal
            .calls
            .iter()
            .rev()
            .take_while(|call| call.number > self.judged);
        for call in fresh {
            if is_read(&call.action) || call.code.is_some() {
                continue;
            }
            let is_create = matches!(
                call.action.as_str(),
                "CreateLoadBalancer" | "CreateEipInstance"
            );
            let targets = ["LoadBalancerId", "AllocationId", "InstanceId"];
            for id in targets.iter().filter_map(|key| call.params.get(key)) {
                if !is_create && !self.known_ids.contains(id) {
                    found.push(format!(
                        "S2: {} of {id}, which is in no ledger",
                        call.action
                    ));
                }
            }
        }
        self.judged = journal.total();
        for (id, before) in &self.foreign {
            let lb = view.cloud.load_balancers.iter().find(|lb| lb.id == *id);
            found.extend(before.differences(id, lb));
        }
    }

    fn finalizers(&mut self, view: &View, found: &mut Vec<String>) {
        let now: BTreeMap<String, Value> = view
            .pool_services
            .iter()
            .filter(|ps| has_finalizer(ps, keys::POOL_SERVICE_FINALIZER))
            .map(|ps| (uid(ps), ps.clone()))
            .collect();
        for (uid, before) in &self.guarded {
            if now.contains_key(uid) {
                continue;
            }
            for id in owned(before) {
                let lives = view
                    .cloud
                    .load_balancers
                    .iter()
                    .map(|lb| &lb.id)
                    .chain(view.cloud.eips.iter().map(|eip| &eip.id))
                    .any(|live| *live == id);
                if lives {
                    found.push(format!(
                        "S4: the finalizer of PoolService {} went while {id} was there",
                        name(before)
                    ));
                }
            }
        }
        self.guarded = now;
        let now: BTreeMap<String, (String, String)> = view
            .services
            .iter()
            .filter(|service| has_finalizer(service, keys::SERVICE_FINALIZER))
            .map(|s| (uid(s), (namespace(s).to_owned(), name(s).to_owned())))
            .collect();
        for (service_uid, key) in &self.guarded_services {
            let is_guarded = |ps: &Value| {
                namespace(ps) == key.0
                    && items(&ps["metadata"]["ownerReferences"])
                        .any(|owner| owner["uid"] == **service_uid)
            };
            if !now.contains_key(service_uid)
                && let Some(ps) = view.pool_services.iter().find(|ps| is_guarded(ps))
            {
                found.push(format!(
                    "S4: the finalizer of Service {} went while PoolService {} was there",
                    key.1,
                    name(ps)
                ));
            }
        }
        self.guarded_services = now;
    }

    fn first_publication(
        &mut self,
        view: &View,
        cloud: &mut Cloud,
        now: Timestamp,
        found: &mut Vec<String>,
    ) {
        self.ports = ports_since(view, &self.ports, now);
        let mut published = BTreeSet::new();
        for ps in &view.pool_services {
            let addresses = addresses(ps);
            if addresses.is_empty() {
                continue;
            }
            let is_first = !self.published.contains(&uid(ps));
            published.insert(uid(ps));
            let told = condition(ps, "BackendsReady")
                .is_some_and(|condition| condition["reason"] == "NoReadyEndpoints");
            let Some(service) = service_of(view, ps).filter(|_| is_first && !told) else {
                continue;
            };
            for address in addresses {
                for port in items(&service["spec"]["ports"]).filter_map(port) {
                    let key = (port.protocol, port.port);
                    let since = self.ports.get(&(uid(service), key.0, key.1));
                    let is_unseen = self.hung.is_some_and(|(from, until)| {
                        now <= until.after(WAKING) && since.is_none_or(|since| *since >= from)
                    });
                    if is_unseen || is_refused(ps, key) {
                        continue;
                    }
                    if let Err(why) = reaches(view, cloud, (ps, service), address, key, now) {
                        found.push(format!(
                            "S5: {address}:{} was published and reaches nobody: {why}",
                            port.port
                        ));
                    }
                }
            }
        }
        self.published = published;
    }

    fn steady_ports(
        &mut self,
        view: &View,
        cloud: &mut Cloud,
        now: Timestamp,
        found: &mut Vec<String>,
    ) {
        if self.steady.is_empty() {
            return;
        }
        let mut live = BTreeMap::new();
        for ps in view.pool_services.iter().filter(|ps| !is_terminating(ps)) {
            live.insert(uid(ps), ps);
            for address in addresses(ps) {
                let all = self.steady.iter();
                let is_its = |key: &&(Protocol, u16)| {
                    !is_anothers(view, ps, **key) && !is_refused(ps, **key)
                };
                for (protocol, port) in all.filter(is_its) {
                    self.held
                        .entry((uid(ps), address, *protocol, *port))
                        .or_insert_with(|| Load::new(address, *protocol, *port));
                }
            }
        }
        self.held.retain(|(uid, ..), _| live.contains_key(uid));
        let wanted = wanted(view);
        for ((uid, address, ..), load) in &mut self.held {
            let Some(ps) = live.get(uid) else { continue };
            let Some(service) = service_of(view, ps) else {
                continue;
            };
            if !addresses(ps).contains(address) {
                found.push(format!(
                    "S6: {address} of PoolService {} is published no more",
                    name(ps)
                ));
            }
            let wanted = wanted.iter().find(|w| w.pool_service() == name(ps));
            let is_wanted =
                |server: &String| wanted.is_some_and(|w| w.servers.contains_key(server));
            let all = view
                .nodes
                .iter()
                .filter_map(|node| label(node, keys::ENS_INSTANCE_ID));
            load.may_lose(all.map(str::to_owned).filter(|server| !is_wanted(server)));
            found.extend(load.look(view, service, cloud, now));
            // The first few stay for good; the others show that one more gets through.
            let is_enough = load.held() >= HELD;
            let life = is_enough.then_some(Duration::ZERO);
            found.extend(load.connect(view, service, cloud, now, life).err());
        }
    }

    fn under_load(
        &mut self,
        view: &View,
        cloud: &mut Cloud,
        now: Timestamp,
        found: &mut Vec<String>,
    ) {
        for (ps, load) in &mut self.loads {
            let service = pool_service(view, ps).and_then(|ps| service_of(view, ps));
            match service {
                Some(service) => found.extend(load.look(view, service, cloud, now)),
                None => found.push(format!("S6: PoolService {ps} or its Service is gone")),
            }
        }
    }
}

/// How long a process that has stood still may work on what it had begun before: the longest time of a read.
const WAKING: Duration = Duration::from_secs(30);

/// Since when each Service has each of its ports.
fn ports_since(
    view: &View,
    before: &BTreeMap<(String, Protocol, u16), Timestamp>,
    now: Timestamp,
) -> BTreeMap<(String, Protocol, u16), Timestamp> {
    let mut since = BTreeMap::new();
    for service in &view.services {
        for port in items(&service["spec"]["ports"]).filter_map(port) {
            let key = (uid(service), port.protocol, port.port);
            let first = before.get(&key).copied().unwrap_or(now);
            since.insert(key, first);
        }
    }
    since
}

/// How many connections stay open through a steady port.
const HELD: usize = 4;

fn flow(address: Ipv4Addr, protocol: Protocol, port: u16) -> Flow {
    Flow {
        address,
        port,
        protocol,
        source: SocketAddr::from(([203, 0, 113, 7], 40_000)),
    }
}

/// Whether a connection to an address ends at a node that may take it. Of two kinds of servers nobody can tell, and they
/// pass: those whose node is out of sight (behaviour 7.2), and those on a person's load balancer that no ledger has.
fn reaches(
    view: &View,
    cloud: &mut Cloud,
    (ps, service): (&Value, &Value),
    address: Ipv4Addr,
    (protocol, port): (Protocol, u16),
    now: Timestamp,
) -> Result<(), String> {
    let backend = cloud
        .connect(&flow(address, protocol, port), now)
        .map_err(|refused| refused.to_string())?;
    cloud.disconnect(&backend);
    let mut all = view.cloud.load_balancers.iter();
    let is_persons = all.any(|lb| lb.id == backend.load_balancer && lb.origin == Origin::World);
    let ledger = ledger(ps);
    let is_ours = items(&ledger["backends"]).any(|server| *server == backend.server_id);
    let mut nodes = view.nodes.iter();
    let node = nodes.find(|node| label(node, keys::ENS_INSTANCE_ID) == Some(&backend.server_id));
    if (is_persons && !is_ours) || node.is_some_and(|node| readiness(node) == "Unknown") {
        return Ok(());
    }
    let with_pods = nodes_with_ready_pods(view, service);
    if service["spec"]["externalTrafficPolicy"] != "Local" {
        let reason = "no pod is ready".to_owned();
        return (!with_pods.is_empty()).then_some(()).ok_or(reason);
    }
    match node.map(name) {
        Some(node) if with_pods.contains(node) => Ok(()),
        _ => Err(format!("{} has no ready pod", backend.server_id)),
    }
}

/// Whether the status says that a port is not served.
fn is_refused(ps: &Value, (protocol, port): (Protocol, u16)) -> bool {
    items(&ps["status"]["loadBalancer"]["ingress"])
        .flat_map(|ingress| items(&ingress["ports"]))
        .any(|entry| {
            entry["port"] == port
                && entry["protocol"].as_str().map(str::to_lowercase).as_deref()
                    == Some(protocol.as_str())
                && entry["error"].is_string()
        })
}

/// Whether other Services have a port and that of this PoolService has not: they may share an address.
fn is_anothers(view: &View, ps: &Value, (protocol, number): (Protocol, u16)) -> bool {
    let has = |service: &Value| {
        items(&service["spec"]["ports"])
            .filter_map(port)
            .any(|port| (port.protocol, port.port) == (protocol, number))
    };
    !service_of(view, ps).is_some_and(has) && view.services.iter().any(has)
}

fn service_of<'a>(view: &'a View, ps: &Value) -> Option<&'a Value> {
    let service = label(ps, keys::SERVICE_NAME)?;
    view.services
        .iter()
        .find(|s| name(s) == service && namespace(s) == namespace(ps))
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    items(&object["metadata"]["finalizers"]).any(|f| f == finalizer)
}

/// Ids that a PoolService has to release before it goes.
fn owned(ps: &Value) -> Vec<String> {
    let effective = |key: &str| super::annotation(ps, key);
    if effective("ecm.alibabacloud.com/deletion-policy") == Some("retain") {
        return Vec::new();
    }
    let ledger = ledger(ps);
    [&ledger["loadBalancer"], &ledger["eip"]]
        .into_iter()
        .filter(|record| record["owner"] != "user")
        .filter_map(|record| record["id"].as_str().map(str::to_owned))
        .collect()
}

/// What controllers have put on load balancers of a person's: server ids by load balancer.
fn ours_on_users(view: &View) -> BTreeMap<String, BTreeSet<String>> {
    let mut ours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ps in &view.pool_services {
        let ledger = ledger(ps);
        if let Some(id) = ledger["loadBalancer"]["id"].as_str() {
            let servers = items(&ledger["backends"]).filter_map(Value::as_str);
            let entry = ours.entry(id.to_owned()).or_default();
            entry.extend(servers.map(str::to_owned));
        }
    }
    ours
}

fn listener_key(protocol: Protocol, port: u16) -> String {
    format!("listener {port}/{protocol}")
}

/// What a person has on a load balancer.
#[derive(Debug, Clone, PartialEq)]
struct Foreign {
    attributes: Value,
    /// By what they are called, whole.
    things: BTreeMap<String, Value>,
}

impl Foreign {
    /// All but what bears our description or is in a ledger.
    fn of(lb: &LoadBalancer, ours: &BTreeMap<String, BTreeSet<String>>) -> Self {
        let is_ours = |server: &str| ours.get(&lb.id).is_some_and(|ids| ids.contains(server));
        let all = Self::whole(lb);
        let things = all.things.into_iter().filter(|(_, thing)| {
            let described = thing["settings"]["Description"].as_str();
            let server = thing["server_id"].as_str();
            !described.is_some_and(|text| text.starts_with("k8s/")) && !server.is_some_and(is_ours)
        });
        Self {
            things: things.collect(),
            ..all
        }
    }

    fn whole(lb: &LoadBalancer) -> Self {
        let listeners = lb.listeners.values().map(|listener| {
            let key = listener_key(listener.protocol, listener.port);
            (key, json!(listener))
        });
        let backends = lb
            .backends
            .iter()
            .map(|server| (format!("backend {}", server.server_id), json!(server)));
        Self {
            attributes: json!([lb.name, lb.spec, lb.active, lb.life == Life::Ready]),
            things: listeners.chain(backends).collect(),
        }
    }

    /// What is not any more as it was. Things of ours may have come; these have to have stayed.
    fn differences(&self, id: &str, now: Option<&LoadBalancer>) -> Vec<String> {
        let Some(now) = now.map(Self::whole) else {
            return vec![format!("S2: {id}, a person's, is gone")];
        };
        let mut found = Vec::new();
        if self.attributes != now.attributes {
            found.push(format!(
                "S2: {id}, a person's, was {} and is {}",
                self.attributes, now.attributes
            ));
        }
        for (key, before) in &self.things {
            match now.things.get(key) {
                Some(after) if after == before => {}
                Some(after) => found.push(format!(
                    "S2: {key} of {id}, a person's, was {before} and is {after}"
                )),
                None => found.push(format!("S2: {key} of {id}, a person's, is gone")),
            }
        }
        found
    }
}
