//! Who owns which field: `metadata.managedFields`, kept by updates and decided upon by server-side apply.
//!
//! Rules: "Server-Side Apply" in the Kubernetes documentation; the names of fields (`f:`, `k:`, `v:`) are FieldsV1's of
//! sigs.k8s.io/structured-merge-diff. A field is owned where its value is set: scalars, atomic lists, empty maps, and
//! the items of keyed lists and sets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::write::{Part, WriteOptions};
use crate::clock::rfc3339;
use crate::object::{self, as_map, items};
use crate::resource::Resource;
use crate::schema::{ListType, Schema};
use crate::status::{Cause, Status};

/// The names that lead to a field, as FieldsV1 writes them.
type Path = Vec<String>;
type FieldSet = BTreeSet<Path>;

/// What the server sets itself, and what identifies the object, nobody owns.
const UNOWNED: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "resourceVersion",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
];

/// Records an update or a patch other than apply: what it changed is its manager's.
pub(super) fn record_update(
    resource: &Resource,
    old: Option<&Value>,
    new: &mut Value,
    part: Part,
    manager: &str,
    now: Timestamp,
) {
    let lists = Lists::of(resource);
    let after = lists.fields_of(new);
    let before = old.map(|old| lists.fields_of(old)).unwrap_or_default();
    let removed: FieldSet = before.difference(&after).cloned().collect();
    // The other half of an object, what its status endpoint or the server sets, is not this manager's.
    let mut changed: FieldSet = after
        .into_iter()
        .filter(|path| is_in_part(resource, part, path))
        .collect();
    if let Some(old) = old {
        changed.retain(|path| lookup(old, path) != lookup(new, path));
    }
    let made = containers(resource, old, &changed);
    changed.extend(made);
    let mut entries = Entry::read(new);
    let mine = |entry: &Entry| entry.is(manager, "Update", part);
    for entry in &mut entries {
        let is_mine = mine(entry);
        entry
            .fields
            .retain(|path| !removed.contains(path) && (is_mine || !changed.contains(path)));
    }
    if !changed.is_empty() {
        let index = entries.iter().position(mine).unwrap_or(entries.len());
        if index == entries.len() {
            entries.push(Entry::new(resource, manager, "Update", part));
        }
        if let Some(entry) = entries.get_mut(index) {
            entry.fields.extend(changed);
            entry.time = rfc3339(now);
        }
    }
    Entry::write(entries, new);
}

fn is_in_part(resource: &Resource, part: Part, path: &Path) -> bool {
    let is = |field: &str| path.first().is_some_and(|name| name == field);
    match part {
        Part::Main => !(resource.status && is("f:status")),
        Part::Status if resource.custom.is_some() => is("f:status"),
        Part::Status => is("f:status") || is("f:metadata"),
        Part::Finalize => is("f:spec"),
    }
}

/// The maps and lists that came with the changed fields: they are the manager's as well. The structs that every object of
/// a built-in kind has are nobody's.
fn containers(resource: &Resource, old: Option<&Value>, changed: &FieldSet) -> FieldSet {
    let is_builtin = resource.custom.is_none();
    let is_struct = |path: &[String]| match path {
        [first] if first == "f:metadata" => true,
        [first] => is_builtin && matches!(first.as_str(), "f:spec" | "f:status"),
        [first, second] => is_builtin && first == "f:status" && second == "f:loadBalancer",
        _ => false,
    };
    let is_new = |path: &[String]| old.is_none_or(|old| lookup(old, path).is_none());
    let above: BTreeSet<&[String]> = changed
        .iter()
        .flat_map(|path| (1..path.len()).filter_map(|n| path.get(..n)))
        .collect();
    above
        .into_iter()
        .filter(|path| !is_struct(path) && is_new(path))
        .map(<[String]>::to_vec)
        .collect()
}

/// Merges an apply configuration into `object` and records its manager.
///
/// Fields that this manager applied before, and neither it nor anybody else wants any more, are removed.
pub(super) fn record_apply(
    resource: &Resource,
    config: &Value,
    object: &mut Value,
    part: Part,
    options: &WriteOptions,
    now: Timestamp,
) -> Result<(), Status> {
    let lists = Lists::of(resource);
    let manager = options.field_manager.as_str();
    if let Some((list, item)) = lists.doubled(config, &mut Vec::new()) {
        return Err(Status::without_reason(&format!(
            "failed to create typed patch object: {list}: duplicate entries for key {item}"
        )));
    }
    let applied: FieldSet = lists
        .fields_of(config)
        .into_iter()
        .filter(|path| is_in_part(resource, part, path))
        .collect();
    let mut entries = Entry::read(object);
    if entries.is_empty() && !object::uid(object).is_empty() {
        // What nobody is recorded for was there before: its owner is a name that nobody has.
        let mut before = Entry::new(resource, "before-first-apply", "Update", Part::Main);
        before.fields = lists.fields_of(object);
        entries.push(before);
    }
    let mine = |entry: &Entry| entry.is(manager, "Apply", part);

    let mut causes = Vec::new();
    for entry in entries.iter_mut().filter(|entry| !mine(entry)) {
        let contested: Vec<Path> = entry
            .fields
            .intersection(&applied)
            .filter(|path| !is_item(path) && lookup(object, path) != lookup(config, path))
            .cloned()
            .collect();
        for path in contested {
            causes.push(Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {}", entry.readable_manager()),
                field: readable(&path),
            });
            entry.fields.remove(&path);
        }
    }
    if !causes.is_empty() && !options.force {
        return Err(Status::apply_conflict(causes));
    }

    let before = entries
        .iter()
        .find(|entry| mine(entry))
        .map(|entry| entry.fields.clone())
        .unwrap_or_default();
    let wanted = |path: &Path| {
        let others = entries
            .iter()
            .filter(|entry| !mine(entry))
            .flat_map(|entry| &entry.fields);
        applied
            .iter()
            .chain(others)
            .any(|owned| owned.starts_with(path))
    };
    // In this order an item goes before its own fields, by whose keys it is found.
    let gone: Vec<Path> = before.into_iter().filter(|path| !wanted(path)).collect();
    for path in &gone {
        remove(object, path);
    }
    for path in &applied {
        // An empty map claims the field and leaves what others put into it.
        let kept =
            |value: &Value| value.is_object() && lookup(object, path).is_some_and(Value::is_object);
        if let Some(value) = lookup(config, path).filter(|value| !kept(value)) {
            set(object, path, value.clone());
        }
    }
    entries.retain(|entry| !mine(entry));
    let mut entry = Entry::new(resource, manager, "Apply", part);
    entry.fields = applied;
    entry.time = rfc3339(now);
    entries.push(entry);
    Entry::write(entries, object);
    Ok(())
}

/// One element of `metadata.managedFields`.
struct Entry {
    manager: String,
    operation: String,
    subresource: String,
    api_version: String,
    time: String,
    fields: FieldSet,
}

impl Entry {
    fn new(resource: &Resource, manager: &str, operation: &str, part: Part) -> Self {
        Self {
            manager: manager.to_owned(),
            operation: operation.to_owned(),
            subresource: subresource(part).to_owned(),
            api_version: resource.api_version(),
            time: String::new(),
            fields: FieldSet::new(),
        }
    }

    fn is(&self, manager: &str, operation: &str, part: Part) -> bool {
        self.manager == manager
            && self.operation == operation
            && self.subresource == subresource(part)
    }

    /// Who it is, as a conflict names them.
    fn readable_manager(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text = format!("{text} with subresource {:?}", self.subresource);
        }
        if self.operation == "Update" {
            text = format!("{text} using {}", self.api_version);
            if !self.time.is_empty() {
                text = format!("{text} at {}", self.time);
            }
        }
        text
    }

    /// Elements without a manager reset the list: that is how clients ask for it.
    fn read(object: &Value) -> Vec<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        items(&object["metadata"]["managedFields"])
            .filter(|entry| entry["manager"].is_string())
            .map(|entry| {
                let mut fields = FieldSet::new();
                read_fields(&entry["fieldsV1"], &mut Vec::new(), &mut fields);
                Self {
                    manager: text(&entry["manager"]),
                    operation: text(&entry["operation"]),
                    subresource: text(&entry["subresource"]),
                    api_version: text(&entry["apiVersion"]),
                    time: text(&entry["time"]),
                    fields,
                }
            })
            .collect()
    }

    fn write(entries: Vec<Self>, object: &mut Value) {
        let entries: Vec<Value> = entries
            .into_iter()
            .filter(|entry| !entry.fields.is_empty())
            .map(|entry| {
                // Moved in, where json! would copy: this is done at every write.
                let fields = write_fields(&entry.fields);
                let mut value = Map::from_iter([
                    ("manager".to_owned(), Value::String(entry.manager)),
                    ("operation".to_owned(), Value::String(entry.operation)),
                    ("apiVersion".to_owned(), Value::String(entry.api_version)),
                    ("fieldsType".to_owned(), json!("FieldsV1")),
                    ("fieldsV1".to_owned(), fields),
                ]);
                if !entry.time.is_empty() {
                    value.insert("time".to_owned(), Value::String(entry.time));
                }
                if !entry.subresource.is_empty() {
                    value.insert("subresource".to_owned(), Value::String(entry.subresource));
                }
                Value::Object(value)
            })
            .collect();
        let value = (!entries.is_empty()).then_some(Value::Array(entries));
        object::put(object::metadata_mut(object), "managedFields", value);
    }
}

fn subresource(part: Part) -> &'static str {
    match part {
        Part::Main => "",
        Part::Status => "status",
        Part::Finalize => "finalize",
    }
}

fn read_fields(tree: &Value, path: &mut Path, fields: &mut FieldSet) {
    let Some(map) = tree.as_object() else { return };
    if (map.is_empty() && !path.is_empty()) || map.contains_key(".") {
        fields.insert(path.clone());
    }
    for (name, child) in map.iter().filter(|(name, _)| *name != ".") {
        path.push(name.clone());
        read_fields(child, path, fields);
        path.pop();
    }
}

fn write_fields(fields: &FieldSet) -> Value {
    let mut root = json!({});
    let mut paths = fields.iter().peekable();
    while let Some(path) = paths.next() {
        let node = path.iter().fold(&mut root, |node, name| {
            as_map(node)
                .entry(name.clone())
                .or_insert_with(|| json!({}))
        });
        // What lies below a path comes right after it.
        if paths.peek().is_some_and(|next| next.starts_with(path)) {
            as_map(node).insert(".".to_owned(), json!({}));
        }
    }
    root
}

/// Which lists of a kind are sets or have keys.
struct Lists<'a> {
    schema: Option<&'a Schema>,
    kind: &'a str,
}

impl<'a> Lists<'a> {
    fn of(resource: &'a Resource) -> Self {
        Self {
            schema: resource.custom.as_deref().map(|custom| &custom.schema),
            kind: &resource.kind,
        }
    }

    fn fields_of(&self, object: &Value) -> FieldSet {
        let mut fields = FieldSet::new();
        for (key, value) in object.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "apiVersion" | "kind") {
                self.collect(value, &mut vec![format!("f:{key}")], &mut fields);
            }
        }
        fields.retain(|path| {
            let name = path
                .get(1)
                .and_then(|name| name.strip_prefix("f:"))
                .unwrap_or_default();
            path.first().is_none_or(|first| first != "f:metadata") || !UNOWNED.contains(&name)
        });
        fields
    }

    /// The first item that is in a keyed list or a set twice: the path of the list, and what the items have in common.
    fn doubled(&self, value: &Value, path: &mut Path) -> Option<(String, String)> {
        match (value, self.list_type(path)) {
            (Value::Object(map), _) => map.iter().find_map(|(key, child)| {
                path.push(format!("f:{key}"));
                let found = self.doubled(child, path);
                path.pop();
                found
            }),
            (Value::Array(items), ListType::Map(keys)) => {
                let mut names = BTreeSet::new();
                items.iter().find_map(|item| {
                    let name = item_name(item, &keys);
                    if !names.insert(name.clone()) {
                        return Some((readable(path), readable(&[name])));
                    }
                    path.push(name);
                    let found = self.doubled(item, path);
                    path.pop();
                    found
                })
            }
            _ => None,
        }
    }

    fn collect(&self, value: &Value, path: &mut Path, fields: &mut FieldSet) {
        match (value, self.list_type(path)) {
            (Value::Object(map), _) if !map.is_empty() && !self.is_atomic_map(path) => {
                for (key, child) in map {
                    path.push(format!("f:{key}"));
                    self.collect(child, path, fields);
                    path.pop();
                }
            }
            (Value::Array(items), ListType::Set) => {
                fields.extend(
                    items
                        .iter()
                        .map(|item| [path.as_slice(), &[format!("v:{item}")]].concat()),
                );
            }
            (Value::Array(items), ListType::Map(keys)) => {
                for item in items {
                    path.push(item_name(item, &keys));
                    fields.insert(path.clone());
                    if !self.is_atomic_map(path) {
                        self.collect(item, path, fields);
                    }
                    path.pop();
                }
            }
            _ => {
                fields.insert(path.clone());
            }
        }
    }

    /// The `structType=atomic` and `mapType=atomic` tags of built-in types: owned as a whole.
    fn is_atomic_map(&self, path: &[String]) -> bool {
        let mut names = path.iter().rev();
        let last = names.next().map(String::as_str).unwrap_or_default();
        if last.starts_with("k:") {
            return names.next().is_some_and(|name| name == "f:ownerReferences");
        }
        self.schema.is_none()
            && matches!(
                last,
                "f:selector" | "f:nodeSelector" | "f:involvedObject" | "f:regarding" | "f:roleRef"
            )
    }

    fn list_type(&self, path: &[String]) -> ListType {
        let in_metadata = path.first().is_some_and(|name| name == "f:metadata");
        match self.schema {
            Some(schema) if !in_metadata => {
                let found =
                    path.iter()
                        .try_fold(schema, |schema, name| match name.strip_prefix("f:") {
                            Some(field) => schema.field(field),
                            None => schema.item(),
                        });
                found.map(|schema| schema.list.clone()).unwrap_or_default()
            }
            _ => builtin_list_type(self.kind, path),
        }
    }
}

/// The `listType` and `listMapKey` tags of k8s.io/api and k8s.io/apimachinery.
fn builtin_list_type(kind: &str, path: &[String]) -> ListType {
    let mut names = path.iter().rev().filter_map(|name| name.strip_prefix("f:"));
    let (last, parent) = (
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    );
    let keys = |keys: &[&str]| ListType::Map(keys.iter().map(|key| (*key).to_owned()).collect());
    match (parent, last) {
        ("metadata", "finalizers") => ListType::Set,
        ("metadata", "ownerReferences") => keys(&["uid"]),
        ("status", "conditions") => keys(&["type"]),
        ("spec", "ports") if kind == "Service" => keys(&["port", "protocol"]),
        ("status", "addresses") if kind == "Node" => keys(&["type"]),
        ("spec", "containers" | "initContainers" | "volumes" | "imagePullSecrets")
        | ("containers" | "initContainers", "env") => keys(&["name"]),
        ("containers" | "initContainers", "ports") => keys(&["containerPort", "protocol"]),
        ("containers" | "initContainers", "volumeMounts") => keys(&["mountPath"]),
        _ => ListType::Atomic,
    }
}

fn item_name(item: &Value, keys: &[String]) -> String {
    let identity: Map<String, Value> = keys
        .iter()
        .filter_map(|key| {
            // A key that is left out counts with its default; the only one here is the protocol of a port.
            let value = item
                .get(key)
                .cloned()
                .or_else(|| (key == "protocol").then(|| json!("TCP")));
            Some((key.clone(), value?))
        })
        .collect();
    format!("k:{}", Value::Object(identity))
}

/// Whether a path ends in an item of a list rather than in a field.
fn is_item(path: &[String]) -> bool {
    path.last().is_some_and(|name| !name.starts_with("f:"))
}

/// The place of an item in a list.
fn position(list: &[Value], name: &str) -> Option<usize> {
    if let Some(text) = name.strip_prefix("v:") {
        let wanted: Value = serde_json::from_str(text).ok()?;
        return list.iter().position(|item| *item == wanted);
    }
    let identity: Map<String, Value> = serde_json::from_str(name.strip_prefix("k:")?).ok()?;
    let keys: Vec<String> = identity.keys().cloned().collect();
    list.iter().position(|item| item_name(item, &keys) == name)
}

fn lookup<'a>(root: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, name| {
        if let Some(field) = name.strip_prefix("f:") {
            return value.get(field);
        }
        let list = value.as_array()?;
        list.get(position(list, name)?)
    })
}

/// Sets a field, making the maps, lists and items that lead to it.
fn set(root: &mut Value, path: &[String], new: Value) {
    let mut place = root;
    for name in path {
        place = if let Some(field) = name.strip_prefix("f:") {
            as_map(place).entry(field.to_owned()).or_insert(Value::Null)
        } else {
            if !place.is_array() {
                *place = json!([]);
            }
            let Some(list) = place.as_array_mut() else {
                return;
            };
            let index = position(list, name).unwrap_or(list.len());
            if index == list.len() {
                list.push(new_item(name));
            }
            let Some(item) = list.get_mut(index) else {
                return;
            };
            item
        };
    }
    // An item is there by now; what it holds are fields of their own.
    if !is_item(path) {
        *place = new;
    }
}

fn new_item(name: &str) -> Value {
    let text = name
        .strip_prefix("v:")
        .or_else(|| name.strip_prefix("k:"))
        .unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

fn remove(root: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut place = root;
    for name in parents {
        let next = match (name.strip_prefix("f:"), place) {
            (Some(field), Value::Object(map)) => map.get_mut(field),
            (None, Value::Array(list)) => {
                position(list, name).and_then(|index| list.get_mut(index))
            }
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return,
        }
    }
    match (last.strip_prefix("f:"), place) {
        (Some(field), Value::Object(map)) => {
            map.remove(field);
        }
        (None, Value::Array(list)) => {
            if let Some(index) = position(list, last) {
                list.remove(index);
            }
        }
        _ => {}
    }
}

/// `.spec.ports[port=80,protocol="TCP"].name`: how a conflict names a field.
fn readable(path: &[String]) -> String {
    let step = |name: &String| {
        if let Some(field) = name.strip_prefix("f:") {
            return format!(".{field}");
        }
        let keys = name
            .strip_prefix("k:")
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        match keys {
            Some(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                format!("[{}]", keys.join(","))
            }
            None => format!("[={}]", name.strip_prefix("v:").unwrap_or(name)),
        }
    };
    path.iter().map(step).collect()
}
