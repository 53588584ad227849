//! Manifests in place of a cluster: what `kubectl apply` would be given, or `kubectl get -o yaml`
//! has shown.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use ecm_reconciler::index::Index;
use ecm_reconciler::objects;
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use poolservice_api::{NodePool, PoolService, keys};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The first node port of the range that API servers give out.
const FIRST_NODE_PORT: i32 = 30_000;

/// What was read.
#[derive(Debug)]
pub(super) struct Manifests {
    pub(super) index: Index,
    /// What had to be assumed, one sentence each.
    pub(super) assumed: Vec<String>,
}

/// All objects of some kinds, as a cluster would show them.
#[derive(Debug, Default)]
struct Objects {
    services: Vec<Service>,
    pool_services: Vec<PoolService>,
    pools: Vec<NodePool>,
    nodes: Vec<Node>,
    slices: Vec<EndpointSlice>,
    skipped: Vec<String>,
}

/// Reads files, `-` being the standard input. `namespace` is that of objects without one.
/// `forget` takes off what a controller has recorded, for a plan against an empty cloud.
pub(super) fn read(
    files: &[PathBuf],
    namespace: &str,
    class: &str,
    forget: bool,
) -> Result<Manifests> {
    let mut objects = Objects::default();
    for path in files {
        let text = text(path)?;
        objects
            .take(&text)
            .with_context(|| format!("file {}", path.display()))?;
    }
    Ok(objects.into_index(namespace, class, forget))
}

fn text(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("reading file {}", path.display()))
}

impl Objects {
    fn take(&mut self, text: &str) -> Result<()> {
        for (number, document) in documents(text) {
            let context = || format!("document {number}");
            let value: Value = serde_saphyr::from_str(&document)
                .map_err(|error| anyhow!("{error}"))
                .context("not YAML")
                .with_context(context)?;
            self.add(value).with_context(context)?;
        }
        Ok(())
    }

    fn add(&mut self, value: Value) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (field("apiVersion").to_owned(), field("kind").to_owned());
        if kind.is_empty() || api_version.is_empty() {
            bail!("no object of Kubernetes: apiVersion or kind is missing");
        }
        if kind == "List" {
            let items = value.get("items").and_then(Value::as_array).cloned();
            for (at, item) in items.unwrap_or_default().into_iter().enumerate() {
                self.add(item)
                    .with_context(|| format!("item {} of the list", at + 1))?;
            }
            return Ok(());
        }
        let name = value.pointer("/metadata/name").and_then(Value::as_str);
        let what = format!("{kind} {}", name.unwrap_or("without a name"));
        if name.is_none_or(str::is_empty) {
            bail!("{what}: metadata.name is missing, or is no text");
        }
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, kind.as_str()) {
            ("", "Service") => self.services.push(object(value, &what)?),
            ("", "Node") => self.nodes.push(object(value, &what)?),
            ("discovery.k8s.io", "EndpointSlice") => self.slices.push(object(value, &what)?),
            (PoolService::GROUP, "PoolService") => self.pool_services.push(object(value, &what)?),
            (NodePool::GROUP, NodePool::KIND) => self.pools.push(object(value, &what)?),
            _ => self.skipped.push(what),
        }
        Ok(())
    }

    fn into_index(mut self, namespace: &str, class: &str, forget: bool) -> Manifests {
        let mut assumed = Vec::new();
        if !self.skipped.is_empty() {
            assumed.push(format!("not looked at: {}", self.skipped.join(", ")));
        }
        for meta in self.namespaced() {
            let namespace = meta.namespace.get_or_insert_with(|| namespace.to_owned());
            let name = meta.name.as_deref().unwrap_or_default();
            // Who comes first may be decided by the UID.
            let uid = || format!("file/{namespace}/{name}");
            meta.uid.get_or_insert_with(uid);
        }
        if give_node_ports(&mut self.services) {
            assumed.push("node ports that the cluster would give are shown from 30000 on".into());
        }
        let mut recorded = self.pool_services.iter_mut().filter(|_| forget);
        // Every one, not up to the first.
        if recorded.by_ref().filter_map(forget_recorded).count() > 0 {
            assumed.push("what PoolServices record of a cloud is left aside".into());
        }
        for service in &self.services {
            let name = service.metadata.name.as_deref().unwrap_or_default();
            let is_of = |slice: &EndpointSlice| {
                slice.metadata.namespace == service.metadata.namespace
                    && slice.metadata.labels.as_ref().is_some_and(|labels| {
                        labels.get(SERVICE_NAME).map(String::as_str) == Some(name)
                    })
            };
            if !self.slices.iter().any(is_of) {
                assumed.push(format!(
                    "no EndpointSlice of Service {name} was given: it has no backends"
                ));
            }
        }
        let mut index = Index::new(class);
        index.reset_services(self.services.iter().map(objects::Service::from).collect());
        index.reset_pools(self.pools.iter().map(objects::pool).collect());
        let pool_services = self.pool_services.iter().map(objects::PoolService::from);
        index.reset_pool_services(pool_services.collect());
        index.reset_nodes(self.nodes.iter().map(objects::node).collect());
        let slices = self.slices.iter().map(objects::EndpointSlice::from);
        index.reset_slices(slices.collect());
        Manifests { index, assumed }
    }

    fn namespaced(&mut self) -> impl Iterator<Item = &mut ObjectMeta> {
        let services = self.services.iter_mut().map(|object| &mut object.metadata);
        let pool_services = self.pool_services.iter_mut().map(|ps| &mut ps.metadata);
        let slices = self.slices.iter_mut().map(|object| &mut object.metadata);
        services.chain(pool_services).chain(slices)
    }
}

/// Label of every EndpointSlice (k8s.io/api/discovery/v1, `LabelServiceName`).
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The documents of a stream with their numbers, from 1; those without content left aside.
fn documents(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        // A marker at the beginning of a line ends a document, whatever it stands in.
        let is_marker = line.trim_end() == "---" || line.starts_with("--- ");
        if is_marker && documents.last().is_some_and(|last| has_content(last)) {
            documents.push(String::new());
        }
        if let Some(last) = documents.last_mut().filter(|_| !is_marker) {
            last.push_str(line);
            last.push('\n');
        }
    }
    let all = documents.into_iter().filter(|text| has_content(text));
    all.enumerate().map(|(at, text)| (at + 1, text)).collect()
}

fn has_content(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    })
}

fn object<T: DeserializeOwned>(value: Value, what: &str) -> Result<T> {
    serde_json::from_value(value).with_context(|| what.to_owned())
}

/// Gives node ports where the API server would; says whether it gave one.
fn give_node_ports(services: &mut [Service]) -> bool {
    let mut next = FIRST_NODE_PORT;
    let mut gave = false;
    for service in services {
        let Some(spec) = &mut service.spec else {
            continue;
        };
        let gives = spec.type_.as_deref() == Some("LoadBalancer")
            && spec.allocate_load_balancer_node_ports != Some(false);
        for port in spec.ports.iter_mut().flatten().filter(|_| gives) {
            if port.node_port.is_none_or(|port| port == 0) {
                port.node_port = Some(next);
                next += 1;
                gave = true;
            }
        }
    }
    gave
}

/// Takes off a PoolService what a controller wrote; `None` when there was nothing.
fn forget_recorded(ps: &mut PoolService) -> Option<()> {
    let annotations = ps.metadata.annotations.as_mut();
    let had_ledger = annotations.is_some_and(|all| all.remove(keys::LEDGER).is_some());
    let finalizers = ps.metadata.finalizers.get_or_insert_default();
    let before = finalizers.len();
    finalizers.retain(|finalizer| finalizer != keys::POOL_SERVICE_FINALIZER);
    let had_finalizer = finalizers.len() != before;
    let had_status = ps.status.take().is_some();
    (had_ledger || had_finalizer || had_status).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Objects> {
        let mut objects = Objects::default();
        objects.take(text).map(|()| objects)
    }

    #[test]
    fn a_stream_may_hold_comments_markers_lists_and_kinds_that_nobody_looks_at() {
        let text = "# a comment\n---\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n\
                    --- # the next\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  \
                    kind: Node\n  metadata: {name: one}\n- apiVersion: apps/v1\n  kind: DaemonSet\n  \
                    metadata: {name: d}\n---\n";
        let objects = take(text).unwrap();
        assert_eq!((objects.services.len(), objects.nodes.len()), (1, 1));
        assert_eq!(objects.skipped, ["DaemonSet d"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_the_number_of_its_document() {
        let told = |text: &str| format!("{:#}", take(text).unwrap_err());
        let good = "apiVersion: v1\nkind: Node\nmetadata: {name: one}\n";
        let no_kind = told(&format!("{good}---\nmetadata: {{name: x}}\n"));
        assert!(
            no_kind.starts_with("document 2: no object of Kubernetes"),
            "{no_kind}"
        );
        let no_yaml = told(&format!("{good}---\n{good}---\na: [1\n"));
        assert!(no_yaml.starts_with("document 3: not YAML: "), "{no_yaml}");
        let wrong = told("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: 80}");
        assert!(wrong.starts_with("document 1: Service web: "), "{wrong}");
        assert!(wrong.contains("80"), "{wrong}");
        let nameless = told("apiVersion: v1\nkind: Node\nmetadata: {}\n");
        assert!(nameless.contains("metadata.name is missing"), "{nameless}");
    }

    #[test]
    fn node_ports_are_given_where_a_cluster_would_give_them() {
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  \
                    type: LoadBalancer\n  ports: [{port: 80}, {port: 81, nodePort: 31000}, {port: 82}]\n";
        let mut objects = take(text).unwrap();
        assert!(give_node_ports(&mut objects.services));
        let spec = objects.services.remove(0).spec.unwrap();
        let ports: Vec<_> = spec
            .ports
            .unwrap()
            .iter()
            .map(|port| port.node_port)
            .collect();
        assert_eq!(ports, [Some(30_000), Some(31_000), Some(30_001)]);
    }
}
