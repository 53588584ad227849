//! `meta.k8s.io/v1` Table: what `kubectl get` prints.
//!
//! Columns and texts of built-in kinds: kubernetes `pkg/printers/internalversion/printers.go`.

mod builtin;
mod duration;
mod json_path;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::partial;
use crate::resource::{CustomKind, Resource};
use crate::status::Status;

pub(crate) use duration::human_duration;

/// What each row carries beside its cells (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RowObject {
    None,
    #[default]
    Metadata,
    Object,
}

impl RowObject {
    /// # Errors
    /// 400 for what is none of the three.
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            "" | "Metadata" => Ok(Self::Metadata),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', \
                 'Object', 'None', or empty"
            ))),
        }
    }
}

/// A column of a table.
pub(crate) struct Column {
    name: String,
    kind: String,
    format: String,
    priority: i64,
    description: String,
}

impl Column {
    fn text(name: &str) -> Self {
        Self::of(name, "string", "", 0)
    }

    fn wide(name: &str) -> Self {
        Self::of(name, "string", "", 1)
    }

    fn integer(name: &str) -> Self {
        Self::of(name, "integer", "", 0)
    }

    fn of(name: &str, kind: &str, format: &str, priority: i64) -> Self {
        let description = match name {
            "Name" => "Name must be unique within a namespace.",
            _ => "",
        };
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: format.to_owned(),
            priority,
            description: description.to_owned(),
        }
    }

    fn name() -> Self {
        Self::of("Name", "string", "name", 0)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "type": self.kind, "format": self.format, "priority": self.priority,
            "description": self.description,
        })
    }
}

/// The objects of one resource as a table. `metadata` is the list's.
pub(crate) fn render(
    resource: &Resource,
    objects: &[Value],
    metadata: &Value,
    rows: RowObject,
    now: Timestamp,
) -> Value {
    let columns = match &resource.custom {
        Some(custom) => custom_columns(custom),
        None => builtin::columns(resource),
    };
    let columns: Vec<Value> = columns.iter().map(Column::to_json).collect();
    let row = |object: &Value| {
        let cells = match &resource.custom {
            Some(custom) => custom_cells(custom, object, now),
            None => builtin::cells(resource, object, now),
        };
        let mut row = json!({"cells": cells});
        match rows {
            RowObject::None => row["object"] = Value::Null,
            RowObject::Metadata => row["object"] = partial(object),
            RowObject::Object => row["object"] = object.clone(),
        }
        row
    };
    let rows: Vec<Value> = objects.iter().map(row).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns, "rows": rows,
    })
}

fn custom_columns(custom: &CustomKind) -> Vec<Column> {
    let own = custom.columns.iter().map(|column| Column {
        name: column.name.clone(),
        kind: column.kind.clone(),
        format: column.format.clone(),
        priority: column.priority,
        description: column.description.clone(),
    });
    std::iter::once(Column::name()).chain(own).collect()
}

fn custom_cells(custom: &CustomKind, object: &Value, now: Timestamp) -> Vec<Value> {
    let own = custom.columns.iter().map(|column| {
        let found = json_path::find(object, &column.json_path);
        match (column.kind.as_str(), found.as_slice()) {
            (_, [] | [Value::Null]) => Value::Null,
            ("date", [at, ..]) => json!(age(at, now)),
            ("string", [one]) => json!(plain(one)),
            ("string", many) => json!(many.iter().map(|v| plain(v)).collect::<Vec<_>>().join(",")),
            (_, [first, ..]) => (*first).clone(),
        }
    });
    std::iter::once(object["metadata"]["name"].clone())
        .chain(own)
        .collect()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// How long ago an RFC 3339 time was, as kubectl prints it.
fn age(at: &Value, now: Timestamp) -> String {
    match at.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(at) => human_duration(now.as_second() - at.as_second()),
        None => "<unknown>".to_owned(),
    }
}
