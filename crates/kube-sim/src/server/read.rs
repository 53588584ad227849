//! Get and list.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ApiServer, State, Target};
use crate::object;
use crate::resource::Resource;
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{FieldError, Status};
use crate::versions;

/// The query of a list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// `labelSelector`, in the text form.
    pub label_selector: String,
    /// `fieldSelector`, in the text form.
    pub field_selector: String,
    /// At most so many objects; 0 for all.
    pub limit: usize,
    /// The token of the previous page.
    pub continue_token: String,
    /// `resourceVersion`, as given.
    pub resource_version: String,
    /// `resourceVersionMatch`, as given.
    pub resource_version_match: String,
}

/// The answer to a list.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// The objects, by namespace and name.
    pub items: Vec<Value>,
    /// The revision that the list shows.
    pub revision: u64,
    /// Given when there is more: what to ask for next.
    pub continue_token: Option<String>,
    /// How many objects follow, where that is known.
    pub remaining: Option<usize>,
}

/// Both selectors of a request, checked.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selection {
    pub(super) fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Status> {
        let labels =
            LabelSelector::parse(labels).map_err(|e| Status::bad_request(e.to_string()))?;
        let fields =
            FieldSelector::parse(fields).map_err(|e| Status::bad_request(e.to_string()))?;
        if let Some(path) = fields.paths().find(|path| !selectable(resource, path)) {
            return Err(Status::bad_request(format!(
                "field label not supported: {path}"
            )));
        }
        Ok(Self { labels, fields })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.labels.matches(&object["metadata"]["labels"]) && self.fields.matches(object)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.paths().next().is_none()
    }
}

/// The fields that a field selector may name: those of kubernetes `pkg/apis/*/v1/conversion.go`.
fn selectable(resource: &Resource, path: &str) -> bool {
    if path == "metadata.name" || (path == "metadata.namespace" && resource.namespaced) {
        return true;
    }
    if resource.custom.is_some() {
        return false;
    }
    let more: &[&str] = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => &[
            "spec.hostNetwork",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.nominatedNodeName",
            "status.phase",
            "status.podIP",
        ],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Namespace") => &["status.phase"],
        ("", "Secret") => &["type"],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "Event") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    };
    more.contains(&path)
}

impl ApiServer {
    /// Reads one object.
    ///
    /// # Errors
    /// 404 where it does not exist.
    pub fn get(&self, target: &Target, name: &str) -> Result<Value, Status> {
        let state = self.lock();
        let stored = state
            .get(&target.resource.storage, &target.key(name))
            .ok_or_else(|| Status::not_found(&target.resource, name))?;
        Ok(versions::present(&target.resource, stored))
    }

    /// Reads one object as it was at `revision`.
    pub(crate) fn get_at(
        &self,
        target: &Target,
        name: &str,
        revision: u64,
    ) -> Result<Value, Status> {
        let state = self.lock();
        let stored = state
            .snapshot(&target.resource.storage, revision)
            .remove(&target.key(name));
        let stored = stored.ok_or_else(|| Status::not_found(&target.resource, name))?;
        Ok(versions::present(&target.resource, &stored))
    }

    /// The revision so many changes ago, or the oldest that is kept.
    pub(crate) fn earlier_revision(&self, back: u64) -> u64 {
        let state = self.lock();
        state.revision.saturating_sub(back).max(state.compacted)
    }

    /// Reads a collection.
    ///
    /// # Errors
    /// 400 for selectors and tokens that cannot be read, 410 for a revision no longer kept, 504 for one not yet reached.
    pub fn list(&self, target: &Target, options: &ListOptions) -> Result<List, Status> {
        let selection = Selection::parse(
            &target.resource,
            &options.label_selector,
            &options.field_selector,
        )?;
        let state = self.lock();
        let page = Page::of(options, &state)?;
        if page.revision < state.compacted && page.revision != state.revision {
            return Err(if page.after.is_some() {
                Status::expired(
                    "The provided continue parameter is too old to display a consistent list result. You must start \
                     a new list without the continue parameter.",
                )
            } else {
                Status::expired(format!(
                    "The resourceVersion for the provided list is too old: {}",
                    page.revision
                ))
            });
        }
        let objects = state.snapshot(&target.resource.storage, page.revision);
        drop(state);

        let matching: Vec<(String, Value)> = objects
            .iter()
            .filter(|((namespace, _), _)| {
                target
                    .namespace
                    .as_ref()
                    .is_none_or(|wanted| wanted == namespace)
            })
            .map(|((namespace, name), stored)| (format!("{namespace}/{name}"), stored))
            .filter(|(path, _)| page.after.as_ref().is_none_or(|after| path > after))
            .map(|(path, stored)| (path, versions::present(&target.resource, stored)))
            .filter(|(_, shown)| selection.matches(shown))
            .collect();
        let total = matching.len();
        let size = if options.limit == 0 {
            total
        } else {
            options.limit.min(total)
        };
        let last = matching
            .get(size.wrapping_sub(1))
            .map(|(path, _)| path.clone());
        let more = size < total;
        Ok(List {
            items: matching
                .into_iter()
                .take(size)
                .map(|(_, object)| object)
                .collect(),
            revision: page.revision,
            continue_token: last
                .filter(|_| more)
                .map(|path| format!("{}:{path}", page.revision)),
            // As the real server, which counts only where no selector hides objects.
            remaining: (more && selection.is_empty()).then_some(total - size),
        })
    }

    /// Every stored object, in its storage version.
    pub(crate) fn everything(&self) -> Vec<Arc<Value>> {
        self.lock()
            .objects
            .values()
            .flat_map(|objects| objects.values())
            .cloned()
            .collect()
    }

    /// Every stored object of a built-in or custom kind, across namespaces: for the controllers of this crate.
    pub(crate) fn stored(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        self.lock().all(group, plural).cloned().collect()
    }
}

/// Which revision a list shows and behind which object it begins.
struct Page {
    revision: u64,
    after: Option<String>,
}

impl Page {
    fn of(options: &ListOptions, state: &State) -> Result<Self, Status> {
        check_match(options)?;
        if !options.continue_token.is_empty() {
            if !matches!(options.resource_version.as_str(), "" | "0") {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            let broken = || Status::bad_request("continue key is not valid: malformed value");
            let (revision, after) = options.continue_token.split_once(':').ok_or_else(broken)?;
            let revision = revision.parse().map_err(|_| broken())?;
            return Ok(Self {
                revision,
                after: Some(after.to_owned()),
            });
        }
        let asked = parse_revision(&options.resource_version)?;
        let exact = options.resource_version_match == "Exact";
        let asked = asked.unwrap_or(0);
        if asked > state.revision {
            return Err(Status::revision_too_large(asked, state.revision));
        }
        Ok(Self {
            revision: if exact { asked } else { state.revision },
            after: None,
        })
    }
}

/// k8s.io/apimachinery `pkg/apis/internalversion/validation/validation.go`, for lists.
fn check_match(options: &ListOptions) -> Result<(), Status> {
    const PATH: &str = "resourceVersionMatch";
    let asked = options.resource_version_match.as_str();
    if asked.is_empty() {
        return Ok(());
    }
    let mut faults = Vec::new();
    let mut forbid = |is_so: bool, detail: &str| {
        if is_so {
            faults.push(FieldError::forbidden(PATH, detail));
        }
    };
    forbid(
        options.resource_version.is_empty(),
        "resourceVersionMatch is forbidden unless resourceVersion is provided",
    );
    forbid(
        !options.continue_token.is_empty(),
        "resourceVersionMatch is forbidden when continue is provided",
    );
    forbid(
        asked == "Exact" && options.resource_version == "0",
        "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
    );
    if !matches!(asked, "Exact" | "NotOlderThan") {
        let allowed = ["Exact", "NotOlderThan"].map(str::to_owned);
        faults.push(FieldError::not_supported(PATH, &json!(asked), &allowed));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(Status::invalid_kind("meta.k8s.io", "ListOptions", faults))
}

/// 422 for the options of a list or a watch.
pub(super) fn options_fault(fault: FieldError) -> Status {
    Status::invalid_kind("meta.k8s.io", "ListOptions", vec![fault])
}

/// A `resourceVersion` parameter: absent, or a number.
pub(super) fn parse_revision(text: &str) -> Result<Option<u64>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Status::bad_request(format!("invalid resource version {text:?}: not a number"))
    })
}

/// `metadata.resourceVersion` of an object that a client sent: absent, or a number.
pub(super) fn sent_revision(object: &Value) -> Result<Option<u64>, Status> {
    parse_revision(object::meta_str(object, "resourceVersion")).map(|r| r.filter(|r| *r != 0))
}
