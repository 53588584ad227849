//! What kubectl would do: apply, annotate, label, delete, and tables as the API server makes them.

use anstream::println;
use anyhow::{Context as _, Result, anyhow};
use http::Request;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::stage;
use crate::table;

/// The namespace that the guide's commands use.
const NAMESPACE: &str = "default";

/// Kinds that the guide touches: word on the command line, group, version, kind, plural, whether
/// it has a namespace.
const KINDS: [(&str, &str, &str, &str, &str, bool); 4] = [
    ("ds", "apps", "v1", "DaemonSet", "daemonsets", true),
    ("svc", "", "v1", "Service", "services", true),
    (
        "ps",
        "network.openyurt.io",
        "v1alpha1",
        "PoolService",
        "poolservices",
        true,
    ),
    (
        "nodepool",
        "apps.openyurt.io",
        "v1beta2",
        "NodePool",
        "nodepools",
        false,
    ),
];

/// Does to a cluster what the guide's commands do, and says which command that is.
pub(super) struct Kubectl {
    client: Client,
}

impl Kubectl {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// `kubectl apply -f FILE` of a file with one object.
    pub(super) async fn apply(&self, file: &str, text: &str) -> Result<()> {
        stage::command(&format!("kubectl apply -f {file}"));
        let object: DynamicObject =
            serde_saphyr::from_str(text).with_context(|| format!("reading {file}"))?;
        let types = object
            .types
            .clone()
            .ok_or_else(|| anyhow!("{file} has no kind"))?;
        let word = KINDS
            .iter()
            .find(|(.., kind, _, _)| *kind == types.kind)
            .map(|(word, ..)| *word)
            .ok_or_else(|| anyhow!("{file}: kind {} is not one of the guide's", types.kind))?;
        self.api(word)?
            .create(&PostParams::default(), &object)
            .await
            .with_context(|| format!("applying {file}"))?;
        Ok(())
    }

    /// `kubectl annotate KIND NAME KEY=VALUE`.
    pub(super) async fn annotate(
        &self,
        kind: &str,
        name: &str,
        key: &str,
        value: &str,
    ) -> Result<()> {
        stage::command(&format!("kubectl annotate {kind} {name} {key}={value}"));
        self.patch(
            kind,
            name,
            &json!({ "metadata": { "annotations": { key: value } } }),
        )
        .await
    }

    /// `kubectl label KIND NAME KEY=VALUE`.
    pub(super) async fn label(&self, kind: &str, name: &str, key: &str, value: &str) -> Result<()> {
        stage::command(&format!("kubectl label {kind} {name} {key}={value}"));
        self.patch(
            kind,
            name,
            &json!({ "metadata": { "labels": { key: value } } }),
        )
        .await
    }

    async fn patch(&self, kind: &str, name: &str, patch: &Value) -> Result<()> {
        self.api(kind)?
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .with_context(|| format!("changing {kind} {name}"))?;
        Ok(())
    }

    /// `kubectl delete KIND NAME`, without waiting.
    pub(super) async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        stage::command(&format!("kubectl delete {kind} {name}"));
        self.api(kind)?
            .delete(name, &DeleteParams::default())
            .await
            .with_context(|| format!("deleting {kind} {name}"))?;
        Ok(())
    }

    /// One object; `None` when there is none.
    pub(super) async fn find(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let found = self
            .api(kind)?
            .get_opt(name)
            .await
            .with_context(|| format!("reading {kind} {name}"))?;
        found
            .map(|object| Ok(serde_json::to_value(object)?))
            .transpose()
    }

    /// `kubectl get KIND [NAME]`: prints the table that the API server makes.
    pub(super) async fn get(&self, kind: &str, name: Option<&str>) -> Result<()> {
        let suffix = name.map(|name| format!(" {name}")).unwrap_or_default();
        stage::command(&format!("kubectl get {kind}{suffix}"));
        let path = match name {
            Some(name) => format!("{}/{name}", self.api(kind)?.resource_url()),
            None => self.api(kind)?.resource_url().to_owned(),
        };
        let request = Request::get(path)
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())
            .context("building a request")?;
        let table: Value = self
            .client
            .request(request)
            .await
            .with_context(|| format!("listing {kind}"))?;
        print(&table);
        Ok(())
    }

    fn api(&self, word: &str) -> Result<Api<DynamicObject>> {
        let (_, group, version, kind, plural, namespaced) = KINDS
            .iter()
            .find(|(known, ..)| *known == word)
            .ok_or_else(|| anyhow!("{word} is not a kind of the guide"))?;
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        Ok(if *namespaced {
            Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }
}

/// Prints the columns of a Table that kubectl shows without `-o wide`.
fn print(answer: &Value) {
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let columns: Vec<(usize, String)> = list(&answer["columnDefinitions"])
        .iter()
        .enumerate()
        .filter(|(_, column)| column["priority"].as_i64().unwrap_or(0) == 0)
        .map(|(at, column)| {
            (
                at,
                column["name"].as_str().unwrap_or_default().to_uppercase(),
            )
        })
        .collect();
    let header: Vec<&str> = columns.iter().map(|(_, name)| name.as_str()).collect();
    let rows = list(&answer["rows"]).into_iter().map(|row| {
        columns
            .iter()
            .map(|(at, _)| match &row["cells"][*at] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            })
            .collect::<Vec<_>>()
    });
    println!("{}", table::render(&header, rows));
}
