//! The defects that show that the assertions assert something.

use http::Method;
use serde_json::{Value, json};

use crate::defect::Change::{Asked as Misunderstands, Event as Mistells, Told as Misreports};
use crate::defect::{Asked, Change, Defect, Told};

/// Every seeded defect.
pub fn defects() -> Vec<Defect> {
    [
        REQUESTS, REFUSALS, OBJECTS, LISTS, EVENTS, CUSTOM, SERVICE, DOCUMENTS,
    ]
    .concat()
}

const fn defect(name: &'static str, change: Change) -> Defect {
    Defect { name, change }
}

fn remove(value: &mut Value, pointer: &str, key: &str) {
    if let Some(map) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
        map.remove(key);
    }
}

fn is_object(told: &Told) -> bool {
    (200..300).contains(&told.code) && told.body["metadata"]["uid"].is_string()
}

fn is_patch(asked: &Asked, kind: &str) -> bool {
    asked.method == Method::PATCH && asked.content_type().contains(kind)
}

fn items(told: &mut Told) -> impl Iterator<Item = &mut Value> {
    told.body
        .pointer_mut("/items")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn ports(told: &mut Told) -> impl Iterator<Item = &mut Value> {
    told.body
        .pointer_mut("/spec/ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// Without the operations of a JSON patch that are this one.
fn without_operation(asked: &mut Asked, operation: &str) {
    if let (true, Some(operations)) = (is_patch(asked, "json-patch"), asked.body.as_array_mut()) {
        operations.retain(|o| o["op"] != operation);
    }
}

fn is_named(asked: &Asked) -> bool {
    asked
        .path
        .rsplit('/')
        .next()
        .is_some_and(|last| !last.ends_with('s'))
}

/// What is asked is understood wrongly.
#[rustfmt::skip]
const REQUESTS: &[Defect] = &[
    defect("ignores label selectors", Misunderstands(|a| a.forget("labelSelector"))),
    defect("ignores label selectors of watches", Misunderstands(|a| if a.is_watch() { a.forget("labelSelector") })),
    defect("ignores field selectors", Misunderstands(|a| a.forget("fieldSelector"))),
    defect("ignores limits", Misunderstands(|a| a.forget("limit"))),
    defect("ignores continue tokens", Misunderstands(|a| a.forget("continue"))),
    defect("ignores the revision of lists", Misunderstands(|a| if !a.is_watch() { a.forget("resourceVersion"); a.forget("resourceVersionMatch") })),
    defect("ignores a revision beside a token", Misunderstands(|a| if a.value("continue").is_some() { a.forget("resourceVersion") })),
    defect("takes any resourceVersionMatch", Misunderstands(|a| if a.value("resourceVersionMatch") != Some("Exact") { a.forget("resourceVersionMatch") })),
    defect("starts every watch with what exists", Misunderstands(|a| if a.is_watch() { a.forget("resourceVersion") })),
    defect("starts every watch at the newest revision", Misunderstands(|a| if a.is_watch() && a.value("sendInitialEvents").is_none() { a.set("sendInitialEvents", "true"); a.set("resourceVersionMatch", "NotOlderThan"); a.forget("labelSelector"); a.set("fieldSelector", "metadata.name=nobody") })),
    defect("ignores the timeout of watches", Misunderstands(|a| a.forget("timeoutSeconds"))),
    defect("ignores who wants bookmarks", Misunderstands(|a| if a.is_watch() { a.set("allowWatchBookmarks", "true") })),
    defect("ignores sendInitialEvents", Misunderstands(|a| a.forget("sendInitialEvents"))),
    defect("ignores the names in watches", Misunderstands(|a| if a.is_watch() { a.forget("fieldSelector") })),
    defect("ignores dry runs of creates", Misunderstands(|a| if a.method == Method::POST { a.forget("dryRun") })),
    defect("ignores dry runs of replaces", Misunderstands(|a| if a.method == Method::PUT { a.forget("dryRun") })),
    defect("ignores dry runs of patches", Misunderstands(|a| if a.method == Method::PATCH { a.forget("dryRun") })),
    defect("ignores dry runs of deletions", Misunderstands(|a| if a.method == Method::DELETE { a.forget("dryRun") })),
    defect("ignores field managers", Misunderstands(|a| if a.value("fieldManager").is_some() { a.set("fieldManager", "anybody") })),
    defect("ignores force", Misunderstands(|a| a.forget("force"))),
    defect("forces every apply", Misunderstands(|a| if is_patch(a, "apply") { a.set("force", "true") })),
    defect("is never strict about fields", Misunderstands(|a| a.forget("fieldValidation"))),
    defect("is always strict about fields", Misunderstands(|a| if a.is_write() && a.method != Method::DELETE { a.set("fieldValidation", "Strict") })),
    defect("ignores unknown fields silently", Misunderstands(|a| if a.is_write() && a.method != Method::DELETE { a.set("fieldValidation", "Ignore") })),
    defect("ignores preconditions", Misunderstands(|a| if a.method == Method::DELETE { a.body = json!({}) })),
    defect("ignores preconditions on the uid", Misunderstands(|a| remove(&mut a.body, "/preconditions", "uid"))),
    defect("ignores preconditions on the revision", Misunderstands(|a| remove(&mut a.body, "/preconditions", "resourceVersion"))),
    defect("refuses every precondition", Misunderstands(|a| if a.body["preconditions"].is_object() { a.body = json!({"preconditions": {"uid": "x"}}) })),
    defect("ignores the propagation policy", Misunderstands(|a| { a.forget("propagationPolicy"); if a.method == Method::DELETE { remove(&mut a.body, "", "propagationPolicy") } })),
    defect("deletes dependents in the foreground for Orphan", Misunderstands(|a| if a.body["propagationPolicy"] == "Orphan" { a.body["propagationPolicy"] = json!("Foreground") })),
    defect("deletes in the foreground for Background", Misunderstands(|a| if a.body["propagationPolicy"] == "Background" { a.body["propagationPolicy"] = json!("Foreground") })),
    defect("ignores the revision of a write", Misunderstands(|a| if matches!(a.method, Method::PUT | Method::PATCH) { a.forget_metadata("resourceVersion") })),
    defect("ignores the revision of a create", Misunderstands(|a| if a.method == Method::POST { a.forget_metadata("resourceVersion") })),
    defect("refuses the revision of every patch", Misunderstands(|a| if is_patch(a, "merge") && !a.body["metadata"]["resourceVersion"].is_null() { a.body["metadata"]["resourceVersion"] = json!("1") })),
    defect("ignores the uid of a write", Misunderstands(|a| if a.is_write() { a.forget_metadata("uid") })),
    defect("ignores finalizers", Misunderstands(|a| if a.is_write() { a.forget_metadata("finalizers") })),
    defect("ignores owners", Misunderstands(|a| if a.is_write() { a.forget_metadata("ownerReferences") })),
    defect("ignores labels", Misunderstands(|a| if a.is_write() { a.forget_metadata("labels") })),
    defect("ignores the managed fields that are sent", Misunderstands(|a| if a.is_write() { a.forget_metadata("managedFields") })),
    defect("ignores names where there is a prefix", Misunderstands(|a| if !a.body["metadata"]["generateName"].is_null() { a.forget_metadata("name") })),
    defect("ignores prefixes", Misunderstands(|a| if a.body["metadata"]["name"].is_null() && a.body["metadata"]["generateName"].is_string() { a.body["metadata"]["name"] = a.body["metadata"]["generateName"].as_str().unwrap_or_default().trim_end_matches('-').into(); a.forget_metadata("generateName") })),
    defect("makes names up", Misunderstands(|a| if a.method == Method::POST && a.body["metadata"].as_object().is_some_and(serde_json::Map::is_empty) { a.body["metadata"]["name"] = json!("made-up") })),
    defect("explains unknown paths", Misunderstands(|a| if a.path == "/nothing" { a.path = String::from("/api/v1/nothing") })),
    defect("takes a name in a body for the one in the path", Misunderstands(|a| if matches!(a.method, Method::PUT | Method::PATCH) { a.forget_metadata("name") })),
    defect("ignores the kind of bodies", Misunderstands(|a| if a.method == Method::POST && !of_gadgets(a) { remove(&mut a.body, "", "kind"); remove(&mut a.body, "", "apiVersion") })),
    defect("ignores the namespace of bodies", Misunderstands(|a| a.forget_metadata("namespace"))),
    defect("touches what it writes", Misunderstands(|a| if a.body.is_object() && (a.method == Method::PUT || is_patch(a, "merge-patch")) { let old = a.body["metadata"]["annotations"]["touched"].as_str().unwrap_or_default().len(); a.body["metadata"]["annotations"]["touched"] = json!("x".repeat(old + 1)) })),
    defect("takes strategic patches for merge patches", Misunderstands(|a| if is_patch(a, "strategic") { a.set_content_type("application/merge-patch+json") })),
    defect("ignores directives of strategic patches", Misunderstands(|a| if is_patch(a, "strategic") { drop_directives(&mut a.body) })),
    defect("merges taints of nodes", Misunderstands(|a| if is_patch(a, "strategic") && a.is_about("nodes") { remove(&mut a.body, "/spec", "taints") })),
    defect("takes an apply for a merge patch", Misunderstands(|a| if is_patch(a, "apply") { a.set_content_type("application/merge-patch+json") })),
    defect("takes every patch for a merge patch", Misunderstands(|a| if a.method == Method::PATCH && a.content_type() == "application/json" { a.set_content_type("application/merge-patch+json") })),
    defect("takes a broken JSON patch for an empty one", Misunderstands(|a| if is_patch(a, "json-patch") && a.body.is_object() { a.body = json!([]) })),
    defect("takes a broken merge patch for an empty one", Misunderstands(|a| if is_patch(a, "merge-patch") && !a.body.is_object() { a.body = json!({}) })),
    defect("lets every test of a JSON patch hold", Misunderstands(|a| without_operation(a, "test"))),
    defect("lets no test for null hold", Misunderstands(|a| if is_patch(a, "json-patch") { for o in a.body.as_array_mut().into_iter().flatten() { if o["op"] == "test" && o["value"].is_null() { o["value"] = json!("something") } } })),
    defect("ignores removals of a JSON patch", Misunderstands(|a| without_operation(a, "remove"))),
    defect("ignores replacements of a JSON patch", Misunderstands(|a| without_operation(a, "replace"))),
    defect("ignores additions of a JSON patch", Misunderstands(|a| without_operation(a, "add"))),
    defect("does not remove what a merge patch sets to null", Misunderstands(|a| if is_patch(a, "merge-patch") { drop_nulls(&mut a.body) })),
    defect("adds to lists in a merge patch", Misunderstands(|a| if is_patch(a, "merge-patch") && a.body["metadata"]["finalizers"].is_array() { a.set_content_type("application/strategic-merge-patch+json") })),
    defect("creates what it cannot patch", Misunderstands(|a| if is_patch(a, "merge-patch") && a.body.is_object() && !a.path.ends_with("status") { a.set_content_type("application/apply-patch+yaml"); a.set("fieldManager", "x"); a.set("force", "true"); a.body["apiVersion"] = json!("v1"); a.body["kind"] = json!("ConfigMap") })),
    defect("writes the status with the object", Misunderstands(|a| if a.method == Method::PATCH && a.path.ends_with("/status") { a.path = a.path.trim_end_matches("/status").to_owned() })),
    defect("writes the status where the object is meant", Misunderstands(|a| if is_patch(a, "merge-patch") && !a.body["status"].is_null() && !a.path.ends_with("/status") { a.path.push_str("/status") })),
    defect("has no status of its own", Misunderstands(|a| a.path = a.path.trim_end_matches("/status").to_owned())),
    defect("ignores what rows are to carry", Misunderstands(|a| a.forget("includeObject"))),
    defect("makes no tables", Misunderstands(|a| if a.accepts("as=Table") { a.accept_plain_json() })),
    defect("shows whole objects for metadata", Misunderstands(|a| if a.accepts("as=Partial") { a.accept_plain_json() })),
    defect("accepts every media type", Misunderstands(|a| if a.accepts("text/csv") { a.accept_plain_json() })),
    defect("lets everybody do everything", Misunderstands(Asked::forget_who_asks)),
    defect("takes a watch for a list when it checks rights", Misunderstands(|a| if a.is_watch() && a.headers.contains_key("authorization") { a.forget("watch") })),
    defect("takes a status for the object when it checks rights", Misunderstands(|a| if a.headers.contains_key("authorization") { a.path = a.path.trim_end_matches("/status").to_owned() })),
    defect("does not grant what bindings say", Misunderstands(|a| if a.method == Method::POST && a.is_about("rolebindings") { a.body["subjects"] = json!([]) })),
    defect("ignores resourceNames", Misunderstands(|a| if a.method == Method::POST && a.is_about("roles") { for rule in a.body.pointer_mut("/rules").and_then(Value::as_array_mut).into_iter().flatten() { remove(rule, "", "resourceNames") } })),
    defect("takes every verb for all of them", Misunderstands(|a| if a.method == Method::POST && (a.is_about("roles") || a.is_about("clusterroles")) { for rule in a.body.pointer_mut("/rules").and_then(Value::as_array_mut).into_iter().flatten() { rule["verbs"] = json!(["*"]); rule["resources"] = json!(["*"]) } })),
    defect("shows all namespaces for one", Misunderstands(|a| if a.method == Method::GET && !is_named(a) { everywhere(a) })),
    defect("shows one namespace for all", Misunderstands(|a| if a.method == Method::GET && a.path == "/api/v1/configmaps" { a.path = String::from("/api/v1/namespaces/default/configmaps") })),
    defect("makes missing namespaces up", Misunderstands(|a| if a.method == Method::POST && a.path.contains("-other/") && a.body["metadata"]["name"] == "a" { a.path = String::from("/api/v1/namespaces/default/configmaps"); a.set("dryRun", "All"); a.forget_metadata("namespace") })),
];

fn everywhere(asked: &mut Asked) {
    let parts: Vec<&str> = asked.path.split('/').collect();
    if let Some(at) = parts.iter().position(|part| *part == "namespaces")
        && parts.len() > at + 2
    {
        asked.path = [parts.get(..at), parts.get(at + 2..)]
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .collect::<Vec<_>>()
            .join("/");
    }
}

fn drop_directives(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with('$'));
            map.values_mut().for_each(drop_directives);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_directives),
        _ => {}
    }
}

fn drop_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

/// Accepts what breaks this rule.
fn accept(asked: &Asked, told: &mut Told, is_it: impl Fn(&Value) -> bool) {
    let causes = told.body["details"]["causes"].as_array();
    if told.is_refusal(422) && causes.is_some_and(|causes| causes.iter().any(is_it)) {
        told.code = if asked.method == Method::POST {
            201
        } else {
            200
        };
        told.body = asked.body.clone();
    }
}

fn accept_reason(asked: &Asked, told: &mut Told, reason: &str) {
    accept(asked, told, |cause| cause["reason"] == reason);
}

/// Requests are refused wrongly, or not at all.
#[rustfmt::skip]
const REFUSALS: &[Defect] = &[
    defect("accepts what is invalid", Misreports(|a, t| accept_reason(a, t, "FieldValueInvalid"))),
    defect("accepts what lacks something", Misreports(|a, t| accept_reason(a, t, "FieldValueRequired"))),
    defect("accepts values that are not supported", Misreports(|a, t| accept_reason(a, t, "FieldValueNotSupported"))),
    defect("accepts duplicates", Misreports(|a, t| accept_reason(a, t, "FieldValueDuplicate"))),
    defect("accepts wrong types", Misreports(|a, t| accept_reason(a, t, "FieldValueTypeInvalid"))),
    defect("accepts what is forbidden of a field", Misreports(|a, t| accept_reason(a, t, "FieldValueForbidden"))),
    defect("accepts what is too long or too many", Misreports(|a, t| { accept_reason(a, t, "FieldValueTooLong"); accept_reason(a, t, "FieldValueTooMany") })),
    defect("accepts whatever a 422 would refuse", Misreports(|a, t| accept(a, t, |_| true))),
    defect("answers 422 without a cause", Misreports(|_, t| if t.is_refusal(422) { remove(&mut t.body, "/details", "causes") })),
    defect("names one fault of several", Misreports(|_, t| if let Some(causes) = t.body.pointer_mut("/details/causes").and_then(Value::as_array_mut) { causes.truncate(1) })),
    defect("answers 422 to conflicts", Misreports(|_, t| if t.is_refusal(409) { t.refuse(422, "Invalid") })),
    defect("answers 409 to invalid patches", Misreports(|a, t| if t.is_refusal(422) && a.method == Method::PATCH { t.refuse(409, "Conflict") })),
    defect("says AlreadyExists for every conflict", Misreports(|_, t| if t.is_refusal(409) { t.refuse(409, "AlreadyExists") })),
    defect("says Conflict for a name that is taken", Misreports(|_, t| if t.is_refusal(409) { t.refuse(409, "Conflict") })),
    defect("answers 400 with 500", Misreports(|_, t| if t.is_refusal(400) { t.refuse(500, "InternalError") })),
    defect("answers 403 to what does not exist", Misreports(|_, t| if t.code == 404 { t.refuse(403, "Forbidden") })),
    defect("answers 404 to what is forbidden", Misreports(|_, t| if t.code == 403 { t.refuse(404, "NotFound") })),
    defect("answers 403 to unknown tokens", Misreports(|_, t| if t.code == 401 { t.refuse(403, "Forbidden") })),
    defect("answers 400 to media types that it does not know", Misreports(|_, t| if t.code == 415 || t.code == 406 { t.refuse(400, "BadRequest") })),
    defect("answers 400 to revisions of the future", Misreports(|_, t| if t.code == 504 { t.refuse(400, "BadRequest") })),
    defect("does not say what a refusal is about", Misreports(|_, t| if t.code >= 400 { remove(&mut t.body, "", "details") })),
    defect("gives no message with a refusal", Misreports(|_, t| if t.code >= 400 { t.body["message"] = json!("refused") })),
    defect("does not name who was refused", Misreports(|_, t| if t.code == 403 { t.body["message"] = json!("forbidden: no") })),
    defect("deletes the default namespace", Misreports(|a, t| if a.path == "/api/v1/namespaces/default" { t.code = 200; t.body = json!({}) })),
    defect("answers 200 to unknown paths", Misreports(|_, t| if t.code == 404 && t.body["details"]["name"].is_null() { t.code = 200; t.body = json!({"items": []}) })),
    defect("finds what is gone", Misreports(|a, t| if t.is_refusal(404) && a.method == Method::GET { t.code = 200; t.body = json!({"metadata": {"name": t.body["details"]["name"]}}) })),
    defect("does not mind deleting nothing", Misreports(|a, t| if t.is_refusal(404) && a.method == Method::DELETE { t.code = 200; t.body = json!({}) })),
    defect("does not mind replacing nothing", Misreports(|a, t| if t.is_refusal(404) && a.method == Method::PUT { t.code = 201; t.body = a.body.clone() })),
    defect("does not mind patching nothing", Misreports(|a, t| if t.is_refusal(404) && a.method == Method::PATCH { t.code = 201; t.body = a.body.clone() })),
    defect("lists nothing as missing", Misreports(|_, t| if t.body["items"].as_array().is_some_and(Vec::is_empty) { t.refuse(404, "NotFound") })),
    defect("takes every method for every path", Misreports(|_, t| if t.code == 405 { t.code = 200; t.body = json!({}) })),
    defect("answers 422 to applied fields that it does not know", Misreports(|a, t| if t.code == 500 && is_patch(a, "apply") { t.refuse(422, "Invalid") })),
    defect("takes directives that it does not know", Misreports(|a, t| if t.code == 500 && is_patch(a, "strategic") { t.code = 200; t.body = a.body.clone() })),
    defect("answers 400 to directives that it does not know", Misreports(|a, t| if t.code == 500 && is_patch(a, "strategic") { t.refuse(400, "BadRequest") })),
    defect("refuses directives for what is absent", Misreports(|a, t| if t.code == 200 && is_patch(a, "strategic") && a.body["metadata"]["annotations"]["$patch"].is_string() { t.refuse(500, "InternalError") })),
    defect("replaces only what exists", Misreports(|a, t| if t.code == 201 && a.method == Method::PUT { t.refuse(404, "NotFound") })),
    defect("gives no warnings", Misreports(|_, t| { t.headers.remove("warning"); })),
    defect("warns of everything", Misreports(|_, t| { t.headers.insert("warning", http::HeaderValue::from_static("299 - \"careful\"")); })),
];

/// Objects are shown wrongly.
#[rustfmt::skip]
const OBJECTS: &[Defect] = &[
    defect("answers 200 to creations", Misreports(|_, t| if t.code == 201 { t.code = 200 })),
    defect("answers 201 to patches", Misreports(|a, t| if a.method == Method::PATCH && t.code == 200 { t.code = 201 })),
    defect("gives no uid", Misreports(|_, t| remove(&mut t.body, "/metadata", "uid"))),
    defect("gives every object the same uid", Misreports(|_, t| if is_object(t) { t.body["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000001") })),
    defect("gives a new uid at each write", Misreports(|a, t| if is_object(t) && matches!(a.method, Method::PUT | Method::GET) { t.body["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000002") })),
    defect("gives no revision", Misreports(|_, t| remove(&mut t.body, "/metadata", "resourceVersion"))),
    defect("gives dry runs a revision", Misreports(|a, t| if a.value("dryRun").is_some() { t.body["metadata"]["resourceVersion"] = json!("5") })),
    defect("counts revisions for each object", Misreports(|_, t| if is_object(t) { t.body["metadata"]["resourceVersion"] = json!("1") })),
    defect("believes times that clients send", Misreports(|a, t| if is_object(t) && a.body["metadata"]["creationTimestamp"].is_string() { t.body["metadata"]["creationTimestamp"] = a.body["metadata"]["creationTimestamp"].clone() })),
    defect("records no managers", Misreports(|_, t| remove(&mut t.body, "/metadata", "managedFields"))),
    defect("records managers without their fields", Misreports(|_, t| for e in t.body.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut).into_iter().flatten() { remove(e, "", "fieldsV1") })),
    defect("gives what it sets itself to who wrote", Misreports(|a, t| if a.method == Method::POST && let Some(fields) = t.body.pointer_mut("/metadata/managedFields/0/fieldsV1") { fields["f:status"] = json!({"f:loadBalancer": {}}) })),
    defect("owns the fields of a selector one by one", Misreports(|_, t| for c in t.body.pointer_mut("/details/causes").and_then(Value::as_array_mut).into_iter().flatten() { if c["field"] == ".spec.selector" { c["field"] = json!(".spec.selector.a") } })),
    defect("records every manager as an update", Misreports(|_, t| for e in t.body.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut).into_iter().flatten() { e["operation"] = json!("Update"); remove(e, "", "subresource") })),
    defect("keeps one manager", Misreports(|_, t| if let Some(entries) = t.body.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut) { entries.truncate(1) })),
    defect("does not count generations", Misreports(|_, t| if t.body["metadata"]["generation"].is_u64() { t.body["metadata"]["generation"] = json!(1) })),
    defect("counts every write as a generation", Misreports(|a, t| if a.method == Method::PATCH && t.body["metadata"]["generation"].is_u64() { t.body["metadata"]["generation"] = json!(9) })),
    defect("lets clients set the generation", Misreports(|a, t| if a.body["metadata"]["generation"].is_u64() { t.body["metadata"]["generation"] = a.body["metadata"]["generation"].clone() })),
    defect("cuts generated names short", Misreports(|a, t| if a.body["metadata"]["name"].is_null() && is_object(t) { t.body["metadata"]["name"] = json!(t.body["metadata"]["name"].as_str().unwrap_or_default().chars().take(20).collect::<String>().trim_end_matches(char::is_alphanumeric)) })),
    defect("generates long names", Misreports(|a, t| if a.body["metadata"]["generateName"].is_string() && is_object(t) { t.body["metadata"]["name"] = json!(format!("{}-and-more", t.body["metadata"]["name"].as_str().unwrap_or_default())) })),
    defect("does not show the end of what is held", Misreports(|_, t| remove(&mut t.body, "/metadata", "deletionTimestamp"))),
    defect("gives everything a grace period", Misreports(|a, t| if a.method == Method::DELETE && is_object(t) { t.body["metadata"]["deletionGracePeriodSeconds"] = json!(30) })),
    defect("answers deletions with nothing", Misreports(|a, t| if a.method == Method::DELETE { t.body = json!({}) })),
    defect("always answers deletions with a Status", Misreports(|a, t| if a.method == Method::DELETE && t.code == 200 { t.body = json!({"kind": "Status", "status": "Success", "details": t.body["details"]}) })),
    defect("refuses to delete what is held", Misreports(|a, t| if a.method == Method::DELETE && is_object(t) && t.body["metadata"]["deletionTimestamp"].is_string() { t.refuse(409, "Conflict") })),
    defect("gives every apply a revision", Misreports(|a, t| if is_patch(a, "apply") && t.code == 200 && is_object(t) { t.body["metadata"]["resourceVersion"] = json!("987654") })),
    defect("loses data on its way", Misreports(|_, t| if is_object(t) { remove(&mut t.body, "", "data") })),
    defect("keeps text of secrets as it is", Misreports(|a, t| if a.body["stringData"].is_object() && is_object(t) { t.body["data"] = a.body["stringData"].clone() })),
    defect("puts the status of new nodes aside", Misreports(|a, t| if a.is_about("nodes") { remove(&mut t.body, "", "status") })),
    defect("does not label namespaces", Misreports(|a, t| if a.path.starts_with("/api/v1/namespaces") { remove(&mut t.body, "/metadata", "labels") })),
    defect("gives namespaces no finalizer", Misreports(|a, t| if a.path == "/api/v1/namespaces" { remove(&mut t.body, "/spec", "finalizers") })),
    defect("calls ending namespaces active", Misreports(|_, t| if t.body["status"]["phase"] == "Terminating" { t.body["status"]["phase"] = json!("Active") })),
    defect("has no kube-system", Misreports(|a, t| if a.path.ends_with("/kube-system") { t.refuse(404, "NotFound") })),
    defect("lets namespaces that end take more", Misreports(|_, t| if t.body["details"]["causes"][0]["reason"] == "NamespaceTerminating" { remove(&mut t.body, "/details", "causes") })),
    defect("cuts times to seconds", Misreports(|_, t| for at in ["/spec/renewTime", "/eventTime"] { if let Some(v) = t.body.pointer_mut(at) { *v = json!("2026-01-02T03:04:05Z") } })),
    defect("loses who a lease belongs to", Misreports(|a, t| if a.method == Method::GET && a.is_about("leases") { t.body["spec"]["holderIdentity"] = json!("") })),
    defect("loses the text of events", Misreports(|_, t| { remove(&mut t.body, "", "message"); remove(&mut t.body, "", "note") })),
    defect("loses what events are about", Misreports(|_, t| { remove(&mut t.body, "", "regarding"); remove(&mut t.body, "", "involvedObject") })),
    defect("loses the series of events", Misreports(|_, t| remove(&mut t.body, "", "series"))),
    defect("gives service accounts no token", Misreports(|a, t| if a.path.ends_with("/token") { t.body["status"] = json!({}) })),
    defect("takes everybody for nobody", Misreports(|_, t| if t.body["kind"] == "SelfSubjectReview" { t.body["status"] = json!({"userInfo": {}}) })),
    defect("says that everything is allowed", Misreports(|_, t| if t.body["kind"] == "SelfSubjectAccessReview" { t.body["status"]["allowed"] = json!(true) })),
    defect("knows accounts only once they have rights", Misreports(|a, t| if a.path == "/version" && a.headers.contains_key("authorization") { t.refuse(403, "Forbidden") })),
];

/// Lists and tables are shown wrongly.
#[rustfmt::skip]
const LISTS: &[Defect] = &[
    defect("lists in no order", Misreports(|_, t| if let Some(items) = t.body.pointer_mut("/items").and_then(Value::as_array_mut) { items.reverse() })),
    defect("lists without a kind", Misreports(|_, t| if t.body["items"].is_array() { remove(&mut t.body, "", "kind") })),
    defect("lists without a revision", Misreports(|_, t| if t.body["items"].is_array() { remove(&mut t.body, "/metadata", "resourceVersion") })),
    defect("lists items with a kind", Misreports(|_, t| items(t).for_each(|i| i["kind"] = json!("Any")))),
    defect("lists items without a kind", Misreports(|_, t| items(t).for_each(|i| remove(i, "", "kind")))),
    defect("gives no continue token", Misreports(|_, t| if t.body["items"].is_array() { remove(&mut t.body, "/metadata", "continue") })),
    defect("always gives a continue token", Misreports(|a, t| if t.body["items"].is_array() && a.value("continue").is_some() { t.body["metadata"]["continue"] = json!("more") })),
    defect("never counts what follows", Misreports(|_, t| if t.body["items"].is_array() { remove(&mut t.body, "/metadata", "remainingItemCount") })),
    defect("always counts what follows", Misreports(|a, t| if t.body["items"].is_array() && a.value("limit").is_some() { t.body["metadata"]["remainingItemCount"] = json!(1) })),
    defect("repeats the last item of a page", Misreports(|a, t| if a.value("limit").is_some() && let Some(items) = t.body.pointer_mut("/items").and_then(Value::as_array_mut) && let Some(last) = items.last().cloned() { items.push(last) })),
    defect("makes tables without columns", Misreports(|_, t| if t.body["kind"] == "Table" { t.body["columnDefinitions"] = json!([]) })),
    defect("makes tables without rows", Misreports(|_, t| if t.body["kind"] == "Table" { t.body["rows"] = json!([]) })),
    defect("makes every column narrow", Misreports(|_, t| for c in t.body.pointer_mut("/columnDefinitions").and_then(Value::as_array_mut).into_iter().flatten() { c["priority"] = json!(0) })),
    defect("makes empty cells", Misreports(|_, t| for r in t.body.pointer_mut("/rows").and_then(Value::as_array_mut).into_iter().flatten() { r["cells"] = json!(["", "", "", "", "", "", ""]) })),
    defect("makes rows without objects", Misreports(|_, t| for r in t.body.pointer_mut("/rows").and_then(Value::as_array_mut).into_iter().flatten() { remove(r, "", "object") })),
    defect("shows metadata as something else", Misreports(|a, t| if a.accepts("as=Partial") { t.body["kind"] = json!("Metadata") })),
];

fn is(event: &Value, kind: &str) -> bool {
    event["type"] == kind
}

/// Watches tell wrongly.
#[rustfmt::skip]
const EVENTS: &[Defect] = &[
    defect("does not tell of new objects", Mistells(|_, e| !is(e, "ADDED"))),
    defect("does not tell of changes", Mistells(|_, e| !is(e, "MODIFIED"))),
    defect("does not tell of ends", Mistells(|_, e| !is(e, "DELETED"))),
    defect("tells changes as new objects", Mistells(|_, e| { if is(e, "MODIFIED") { e["type"] = json!("ADDED") } true })),
    defect("tells new objects as changes", Mistells(|_, e| { if is(e, "ADDED") { e["type"] = json!("MODIFIED") } true })),
    defect("tells ends as changes", Mistells(|_, e| { if is(e, "DELETED") { e["type"] = json!("MODIFIED") } true })),
    defect("tells of no bookmarks", Mistells(|_, e| !is(e, "BOOKMARK"))),
    defect("marks no bookmark", Mistells(|_, e| { if is(e, "BOOKMARK") { remove(e, "/object/metadata", "annotations") } true })),
    defect("gives bookmarks no revision", Mistells(|_, e| { if is(e, "BOOKMARK") { remove(e, "/object/metadata", "resourceVersion") } true })),
    defect("gives bookmarks a name", Mistells(|_, e| { if is(e, "BOOKMARK") { e["object"]["metadata"]["name"] = json!("bookmark") } true })),
    defect("tells objects without their kind", Mistells(|_, e| { if !is(e, "ERROR") { remove(e, "/object", "kind") } true })),
    defect("tells ends with an old revision", Mistells(|_, e| { if is(e, "DELETED") { e["object"]["metadata"]["resourceVersion"] = json!("1") } true })),
    defect("tells ends without data", Mistells(|_, e| { if is(e, "DELETED") { remove(e, "/object", "data") } true })),
    defect("tells ends without labels", Mistells(|_, e| { if is(e, "DELETED") { remove(e, "/object/metadata", "labels") } true })),
    defect("tells objects without data", Mistells(|_, e| { remove(e, "/object", "data"); remove(e, "/object", "status"); remove(e, "/object", "spec"); true })),
    defect("tells objects without revisions", Mistells(|_, e| { remove(e, "/object/metadata", "resourceVersion"); true })),
    defect("gives every event one revision", Mistells(|_, e| { e["object"]["metadata"]["resourceVersion"] = json!("99999"); true })),
    defect("does not say that a revision is gone", Mistells(|_, e| !is(e, "ERROR"))),
    defect("says that a revision is gone in other words", Mistells(|_, e| { if is(e, "ERROR") { e["object"]["reason"] = json!("Gone") } true })),
    defect("tells tables without columns", Mistells(|_, e| { if e["object"]["kind"] == "Table" { e["object"]["columnDefinitions"] = json!([]) } true })),
    defect("tells columns in each table", Mistells(|_, e| { if e["object"]["kind"] == "Table" { e["object"]["columnDefinitions"] = json!([{"name": "Name"}, {"name": "Data"}, {"name": "Age"}]) } true })),
    defect("tells whole objects for metadata", Mistells(|_, e| { if e["object"]["kind"] == "PartialObjectMetadata" { e["object"]["spec"] = json!({}) } true })),
    defect("does not tell that a deletion was asked for", Mistells(|_, e| !(is(e, "MODIFIED") && e["object"]["metadata"]["deletionTimestamp"].is_string()))),
    defect("does not tell when an owner is lost", Mistells(|_, e| !(is(e, "MODIFIED") && e["object"]["metadata"]["name"] == "dependent"))),
    defect("tells the end of an owner before its dependents", Mistells(|_, e| { if is(e, "DELETED") && e["object"]["metadata"]["name"] == "owner" { e["object"]["metadata"]["resourceVersion"] = json!("2") } true })),
];

fn of_gadgets(asked: &Asked) -> bool {
    asked.is_about("gadgets")
}

fn of_definitions(asked: &Asked) -> bool {
    asked.is_about("customresourcedefinitions")
}

/// The first version's schema in a definition.
fn schema(asked: &mut Asked) -> Option<&mut Value> {
    let is_new = asked.method == Method::POST && of_definitions(asked);
    asked
        .body
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
        .filter(|_| is_new)
}

fn drop_keyword(value: &mut Value, keyword: &str) {
    match value {
        Value::Object(map) => {
            map.remove(keyword);
            map.values_mut()
                .for_each(|value| drop_keyword(value, keyword));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|value| drop_keyword(value, keyword)),
        _ => {}
    }
}

fn ignore_keyword(asked: &mut Asked, keyword: &str) {
    if let Some(schema) = schema(asked) {
        drop_keyword(schema, keyword);
    }
}

/// Definitions and their objects are treated wrongly.
#[rustfmt::skip]
const CUSTOM: &[Defect] = &[
    defect("ignores defaults of schemas", Misunderstands(|a| ignore_keyword(a, "default"))),
    defect("ignores required fields", Misunderstands(|a| ignore_keyword(a, "required"))),
    defect("ignores enumerations", Misunderstands(|a| ignore_keyword(a, "enum"))),
    defect("ignores patterns", Misunderstands(|a| ignore_keyword(a, "pattern"))),
    defect("ignores least lengths", Misunderstands(|a| ignore_keyword(a, "minLength"))),
    defect("ignores greatest lengths", Misunderstands(|a| ignore_keyword(a, "maxLength"))),
    defect("ignores least values", Misunderstands(|a| ignore_keyword(a, "minimum"))),
    defect("ignores greatest values", Misunderstands(|a| ignore_keyword(a, "maximum"))),
    defect("ignores greatest numbers of items", Misunderstands(|a| ignore_keyword(a, "maxItems"))),
    defect("ignores types of lists", Misunderstands(|a| ignore_keyword(a, "x-kubernetes-list-type"))),
    defect("ignores nullable", Misunderstands(|a| ignore_keyword(a, "nullable"))),
    defect("ignores int-or-string", Misunderstands(|a| ignore_keyword(a, "x-kubernetes-int-or-string"))),
    defect("does not keep unknown fields", Misunderstands(|a| ignore_keyword(a, "x-kubernetes-preserve-unknown-fields"))),
    defect("ignores additionalProperties", Misunderstands(|a| if let Some(s) = schema(a) && let Some(limits) = s.pointer_mut("/properties/spec/properties/limits") { *limits = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}) })),
    defect("keeps unknown fields", Misreports(|a, t| if a.body["spec"]["colour"].is_string() && is_object(t) { t.body["spec"]["colour"] = a.body["spec"]["colour"].clone() })),
    defect("keeps the status of new objects", Misreports(|a, t| if a.method == Method::POST && a.body["status"].is_object() { t.body["status"] = a.body["status"].clone() })),
    defect("makes a spec for its defaults", Misreports(|a, t| if of_gadgets(a) && is_object(t) && t.body["spec"].is_null() { t.body["spec"] = json!({"size": 3}) })),
    defect("ignores formats", Misunderstands(|a| ignore_keyword(a, "format"))),
    defect("takes any schema", Misreports(|a, t| accept(a, t, |cause| cause["field"].as_str().is_some_and(|field| field.contains("openAPIV3Schema"))))),
    defect("takes any names in a definition", Misreports(|a, t| accept(a, t, |cause| cause["field"].as_str().is_some_and(|field| field.starts_with("spec.names") || field == "spec.group")))),
    defect("makes up the kind of gadgets", Misunderstands(|a| if of_gadgets(a) && a.method == Method::POST && a.body["kind"].is_null() { a.set_content_type("text/plain") })),
    defect("checks no status", Misreports(|a, t| if a.path.ends_with("/status") && t.code == 422 { t.code = 200; t.body = a.body.clone() })),
    defect("replaces a status where it is to be merged", Misreports(|a, t| if a.path.ends_with("/status") && a.body["status"].is_object() { t.body["status"] = a.body["status"].clone(); t.body["status"]["seen"] = json!(1) })),
    defect("takes labels with a status", Misreports(|a, t| if a.path.ends_with("/status") && a.body["metadata"]["labels"].is_object() { t.body["metadata"]["labels"] = a.body["metadata"]["labels"].clone() })),
    defect("serves a status for every version", Misreports(|a, t| if a.path.contains("v1beta1") && a.path.ends_with("/status") { t.code = 200 })),
    defect("serves a status for every kind", Misreports(|a, t| if a.path.ends_with("/configmaps/a/status") { t.code = 200 })),
    defect("shows no status of its own", Misreports(|a, t| if a.path.ends_with("/status") && a.method == Method::GET { t.body = json!({}) })),
    defect("never establishes", Misreports(|a, t| if of_definitions(a) { remove(&mut t.body, "", "status") })),
    defect("fills in no names", Misreports(|a, t| if of_definitions(a) { remove(&mut t.body, "/spec/names", "listKind"); remove(&mut t.body, "/spec", "conversion") })),
    defect("establishes without accepting names", Misreports(|a, t| if of_definitions(a) && let Some(c) = t.body.pointer_mut("/status/conditions").and_then(Value::as_array_mut) { c.retain(|c| c["type"] == "Established") })),
    defect("lets a scope change", Misunderstands(|a| if of_definitions(a) && a.method == Method::PATCH && a.body["spec"]["scope"].is_string() { a.body = json!({}) })),
    defect("shows every version as the first", Misreports(|a, t| if of_gadgets(a) && is_object(t) { t.body["apiVersion"] = json!("example.com/v1") })),
    defect("serves no gadgets of other versions", Misreports(|a, t| if a.path.contains("/v1beta1/") { t.refuse(404, "NotFound") })),
    defect("shows columns of nobody", Misunderstands(|a| if of_definitions(a) { for v in a.body.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten() { remove(v, "", "additionalPrinterColumns") } })),
    defect("keeps the old schema", Misunderstands(|a| if of_definitions(a) && is_patch(a, "json-patch") { a.body = json!([]) })),
    defect("keeps the objects of a definition", Misunderstands(|a| if of_definitions(a) && a.method == Method::DELETE { a.set("dryRun", "All") })),
    defect("owns lists as a whole", Misunderstands(|a| { ignore_keyword(a, "x-kubernetes-list-type"); ignore_keyword(a, "x-kubernetes-list-map-keys") })),
];

fn of_services(asked: &Asked) -> bool {
    asked.is_about("services")
}

/// Takes a field out of every Service that is told.
fn hide(asked: &Asked, told: &mut Told, pointer: &str, key: &str) {
    if of_services(asked) {
        remove(&mut told.body, pointer, key);
    }
}

fn ports_of_slice(told: &mut Told) -> impl Iterator<Item = &mut Value> {
    let ports = told
        .body
        .pointer_mut("/ports")
        .and_then(Value::as_array_mut);
    ports.into_iter().flatten()
}

fn keep_type(asked: &mut Asked) {
    if of_services(asked) && asked.method == Method::PATCH && asked.body["spec"]["type"].is_string()
    {
        asked.body = json!({});
    }
}

/// Services and what they lead to are treated wrongly.
#[rustfmt::skip]
const SERVICE: &[Defect] = &[
    defect("gives a port for health checks twice", Misreports(|a, t| if of_services(a) && t.code == 500 { t.code = 201; t.body = a.body.clone() })),
    defect("takes any ranges of sources", Misreports(|a, t| accept(a, t, |cause| cause["field"].as_str().is_some_and(|field| field.ends_with("source-ranges]"))))),
    defect("keeps what is off in leases", Misreports(|a, t| if a.body["spec"]["strategy"].is_string() && is_object(t) { t.body["spec"]["strategy"] = a.body["spec"]["strategy"].clone() })),
    defect("gives pods no links to Services", Misreports(|a, t| if a.is_about("pods") { remove(&mut t.body, "/spec", "enableServiceLinks") })),
    defect("shows one of two forms of addresses", Misreports(|_, t| { remove(&mut t.body, "/status", "podIPs"); remove(&mut t.body, "/spec", "podCIDRs") })),
    defect("lets nothing of a node be used", Misreports(|a, t| if a.is_about("nodes") { remove(&mut t.body, "/status", "allocatable") })),
    defect("answers any question about rights", Misreports(|a, t| if a.path.ends_with("selfsubjectaccessreviews") && t.code == 422 { t.code = 201; t.body = json!({"status": {"allowed": true}}) })),
    defect("fills in nothing of slices", Misreports(|a, t| if a.is_about("endpointslices") { ports_of_slice(t).for_each(|p| remove(p, "", "protocol")) })),
    defect("fills in no traffic policy", Misreports(|a, t| { hide(a, t, "/spec", "externalTrafficPolicy"); hide(a, t, "/spec", "internalTrafficPolicy") })),
    defect("gives Services no address", Misreports(|a, t| { hide(a, t, "/spec", "clusterIP"); hide(a, t, "/spec", "clusterIPs") })),
    defect("gives every Service the same address", Misreports(|a, t| if of_services(a) && t.body["spec"]["clusterIP"].is_string() { t.body["spec"]["clusterIP"] = json!("10.0.0.9") })),
    defect("gives a Service a new address at each replace", Misreports(|a, t| if of_services(a) && a.method == Method::PUT && t.code == 200 { t.body["spec"]["clusterIP"] = json!("10.0.0.8"); ports(t).for_each(|p| p["nodePort"] = json!(1)) })),
    defect("gives headless Services an address", Misreports(|a, t| if a.body["spec"]["clusterIP"] == "None" && is_object(t) { t.body["spec"]["clusterIP"] = json!("10.0.0.7") })),
    defect("gives ExternalName Services an address", Misreports(|a, t| if a.body["spec"]["type"] == "ExternalName" { t.body["spec"]["clusterIP"] = json!("10.0.0.7") })),
    defect("gives no node ports", Misreports(|_, t| ports(t).for_each(|p| remove(p, "", "nodePort")))),
    defect("always gives node ports", Misreports(|_, t| ports(t).for_each(|p| if p["nodePort"].is_null() { p["nodePort"] = json!(30000) }))),
    defect("gives each protocol a node port of its own", Misreports(|_, t| if let Some(p) = t.body.pointer_mut("/spec/ports/1") && p["protocol"] == "UDP" { p["nodePort"] = json!(30003) })),
    defect("gives every port the same node port", Misreports(|_, t| ports(t).for_each(|p| p["nodePort"] = json!(30001)))),
    defect("gives node ports of any number", Misreports(|_, t| ports(t).for_each(|p| if p["nodePort"].is_u64() { p["nodePort"] = json!(8080) }))),
    defect("takes names of target ports for numbers", Misreports(|_, t| ports(t).for_each(|p| if p["targetPort"].is_string() { p["targetPort"] = json!(0) }))),
    defect("fills in no target port", Misreports(|_, t| ports(t).for_each(|p| remove(p, "", "targetPort")))),
    defect("gives no port for health checks", Misreports(|a, t| hide(a, t, "/spec", "healthCheckNodePort"))),
    defect("always gives a port for health checks", Misreports(|a, t| if of_services(a) && is_object(t) { t.body["spec"]["healthCheckNodePort"] = json!(30002) })),
    defect("fills in no timeout of affinity", Misreports(|a, t| hide(a, t, "/spec", "sessionAffinityConfig"))),
    defect("keeps the type of a Service", Misunderstands(keep_type)),
    defect("keeps the class when the type changes", Misreports(|a, t| if a.body["spec"]["type"] == "ClusterIP" && a.method == Method::PATCH { t.body["spec"]["loadBalancerClass"] = json!("example.com/one") })),
    defect("keeps addresses when the type changes", Misreports(|a, t| if a.body["spec"]["type"] == "ClusterIP" && a.method == Method::PATCH && is_object(t) { t.body["status"]["loadBalancer"]["ingress"] = json!([{"ip": "10.0.0.1"}]) })),
    defect("gives addresses no mode", Misreports(|_, t| for i in t.body.pointer_mut("/status/loadBalancer/ingress").and_then(Value::as_array_mut).into_iter().flatten() { remove(i, "", "ipMode") })),
    defect("takes no host names", Misreports(|_, t| for i in t.body.pointer_mut("/status/loadBalancer/ingress").and_then(Value::as_array_mut).into_iter().flatten() { remove(i, "", "hostname") })),
    defect("takes no errors of ports", Misreports(|_, t| for i in t.body.pointer_mut("/status/loadBalancer/ingress").and_then(Value::as_array_mut).into_iter().flatten() { remove(i, "", "ports") })),
    defect("keeps empty lists of addresses", Misreports(|a, t| if a.body["status"]["loadBalancer"]["ingress"].as_array().is_some_and(Vec::is_empty) { t.body["status"]["loadBalancer"]["ingress"] = json!([]) })),
    defect("takes no conditions of Services", Misreports(|a, t| hide(a, t, "/status", "conditions"))),
    defect("writes the status of a Service with it", Misreports(|a, t| if of_services(a) && !a.path.ends_with("/status") && a.body["status"].is_object() { t.body["status"] = a.body["status"].clone() })),
    defect("drops new ports", Misunderstands(|a| if of_services(a) && is_patch(a, "json-patch") { a.body = json!([]) })),
    defect("takes one protocol for a number", Misreports(|a, t| if a.body["spec"]["ports"][1]["protocol"] == "UDP" { t.refuse(422, "Invalid") })),
];

fn document(asked: &Asked, root: &str) -> bool {
    asked.method == Method::GET && asked.path.starts_with(root)
}

/// What the server says of itself is wrong.
#[rustfmt::skip]
const DOCUMENTS: &[Defect] = &[
    defect("does not tell its version", Misreports(|a, t| if a.path == "/version" { t.body = json!({}) })),
    defect("is never ready", Misunderstands(|a| if a.path.ends_with('z') { a.path = String::from("/no") })),
    defect("has no core versions", Misreports(|a, t| if a.path == "/api" { t.body = json!({"kind": "APIVersions"}) })),
    defect("lists no groups", Misreports(|a, t| if a.path == "/apis" { t.body["groups"] = json!([]) })),
    defect("lists no versions of a group", Misreports(|a, t| if document(a, "/apis/") { remove(&mut t.body, "", "versions") })),
    defect("knows every group", Misreports(|a, t| if a.path.starts_with("/apis/nobody") { t.code = 200 })),
    defect("lists no short names", Misreports(|a, t| if document(a, "/api") { for r in t.body.pointer_mut("/resources").and_then(Value::as_array_mut).into_iter().flatten() { remove(r, "", "shortNames") } })),
    defect("lists no verbs", Misreports(|a, t| if document(a, "/api") { for r in t.body.pointer_mut("/resources").and_then(Value::as_array_mut).into_iter().flatten() { remove(r, "", "verbs") } })),
    defect("lists no subresources", Misreports(|a, t| if let (true, Some(all)) = (document(a, "/api"), t.body.pointer_mut("/resources").and_then(Value::as_array_mut)) { all.retain(|r| !r["name"].as_str().unwrap_or_default().contains('/')) })),
    defect("has no aggregated discovery", Misunderstands(|a| if a.accepts("APIGroupDiscoveryList") { a.accept_plain_json() })),
    defect("forgets custom kinds", Misreports(|a, t| if a.path.ends_with("example.com/v1") && document(a, "/apis/") { t.body["resources"] = json!([]) })),
    defect("never forgets custom kinds", Misreports(|a, t| if a.path.ends_with("example.com/v1") && document(a, "/apis/") && t.code == 404 { t.code = 200 })),
    defect("has no index of schemas", Misreports(|a, t| if a.path == "/openapi/v3" { t.body = json!({}) })),
    defect("has no schemas", Misreports(|a, t| if document(a, "/openapi/v3/") { t.body = json!({}) })),
];
