//! Who owns which field.

use jiff::Timestamp;
use serde_json::Value;

use super::write::{Part, WriteOptions};
use crate::resource::Resource;

pub(super) fn record_update(
    _resource: &Resource,
    _old: Option<&Value>,
    _new: &mut Value,
    _part: Part,
    _manager: &str,
    _now: Timestamp,
) {
}

pub(super) fn record_apply(
    _resource: &Resource,
    config: &Value,
    object: &mut Value,
    _part: Part,
    _options: &WriteOptions,
    _now: Timestamp,
) {
    json_patch::merge(object, config);
}
