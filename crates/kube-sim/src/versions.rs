//! Between what is stored and what one version shows.
//!
//! Custom resources have no conversion, so only their `apiVersion` differs. Events are stored in the core/v1 form;
//! the pairs of field names are those of kubernetes `pkg/apis/events/v1/conversion.go`.

use serde_json::{Value, json};

use crate::object::as_map;
use crate::resource::Resource;

const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("source", "deprecatedSource"),
];

/// What an event shows of fields that are not set, since its Go type always writes them.
const EVENT_ZEROES: &[(&str, &str)] = &[
    ("source", "{}"),
    ("firstTimestamp", "null"),
    ("lastTimestamp", "null"),
    ("eventTime", "null"),
    ("reportingComponent", "\"\""),
    ("reportingInstance", "\"\""),
];

/// The stored object as the resource's version shows it.
pub(crate) fn present(resource: &Resource, stored: &Value) -> Value {
    let mut object = stored.clone();
    if resource.storage.group.is_empty() && resource.kind == "Event" && resource.custom.is_none() {
        let event = as_map(&mut object);
        for (key, zero) in EVENT_ZEROES {
            let zero = serde_json::from_str(zero).unwrap_or_default();
            event.entry((*key).to_owned()).or_insert(zero);
        }
    }
    if is_events_v1(resource) {
        rename(&mut object, EVENT_FIELDS.iter().copied());
    }
    set_type(resource, &resource.api_version(), &mut object);
    object
}

/// An object as a client sent it, in the form that is stored.
pub(crate) fn store(resource: &Resource, object: &mut Value) {
    if is_events_v1(resource) {
        rename(
            object,
            EVENT_FIELDS.iter().map(|(core, events)| (*events, *core)),
        );
    }
    set_type(resource, &resource.storage_api_version, object);
}

fn is_events_v1(resource: &Resource) -> bool {
    resource.is("events.k8s.io", "Event")
}

fn set_type(resource: &Resource, api_version: &str, object: &mut Value) {
    let map = as_map(object);
    map.insert("apiVersion".to_owned(), json!(api_version));
    map.insert("kind".to_owned(), json!(resource.kind));
}

fn rename<'a>(object: &mut Value, fields: impl Iterator<Item = (&'a str, &'a str)>) {
    let map = as_map(object);
    for (from, to) in fields {
        if let Some(value) = map.remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}
