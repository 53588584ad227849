//! The part of JSONPath that printer columns use: members, indices, wildcards and equality filters.

use serde_json::Value;

/// The values at `path` (`.spec.type`, `.items[0]`, `.a[*].b`, `.conditions[?(@.type=="Ready")].status`,
/// `.metadata.annotations.example\.com/key`). A path that cannot be read finds nothing.
pub(super) fn find<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}');
    let mut found = vec![root];
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        let Some((step, after)) = next_step(rest) else {
            return Vec::new();
        };
        found = found
            .into_iter()
            .flat_map(|value| step.apply(value))
            .collect();
        rest = after;
    }
    found
}

enum Step {
    Member(String),
    Index(i64),
    All,
    Filter { path: String, value: String },
}

fn next_step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let end = closing_bracket(rest)?;
        let (inner, after) = (rest.get(..end)?.trim(), rest.get(end + 1..)?);
        let step = if inner == "*" {
            Step::All
        } else if let Ok(index) = inner.parse() {
            Step::Index(index)
        } else if let Some(filter) = inner.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
            let (path, value) = filter.split_once("==")?;
            let path = path.trim().strip_prefix('@')?.to_owned();
            Step::Filter {
                path,
                value: value.trim().trim_matches(['"', '\'']).to_owned(),
            }
        } else {
            Step::Member(inner.trim_matches(['"', '\'']).to_owned())
        };
        return Some((step, after));
    }
    let rest = text.strip_prefix('.').unwrap_or(text);
    let mut name = String::new();
    let mut chars = rest.char_indices();
    let mut end = rest.len();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = i;
                break;
            }
            c => name.push(c),
        }
    }
    let step = if name == "*" {
        Step::All
    } else {
        Step::Member(name)
    };
    (end > 0).then_some((step, rest.get(end..)?))
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some(i),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    None
}

impl Step {
    fn apply<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Member(name), Value::Object(map)) => map.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let index = if *index < 0 { length + index } else { *index };
                usize::try_from(index)
                    .ok()
                    .and_then(|i| items.get(i))
                    .into_iter()
                    .collect()
            }
            (Self::All, Value::Array(items)) => items.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            (
                Self::Filter {
                    path,
                    value: wanted,
                },
                Value::Array(items),
            ) => items
                .iter()
                .filter(|item| find(item, path).iter().any(|v| super::plain(v) == *wanted))
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn printer_column_paths_find_their_values() {
        let object = json!({"spec": {"type": "Edge", "list": [1, 2]}, "metadata": {"annotations": {"a.io/k": "v"}},
            "status": {"conditions": [{"type": "A", "status": "x"}, {"type": "Ready", "status": "True"}]}});
        assert_eq!(find(&object, ".spec.type"), [&json!("Edge")]);
        assert_eq!(find(&object, "{.spec.list[*]}"), [&json!(1), &json!(2)]);
        assert_eq!(find(&object, ".spec.list[-1]"), [&json!(2)]);
        assert_eq!(
            find(&object, ".metadata.annotations.a\\.io/k"),
            [&json!("v")]
        );
        assert_eq!(
            find(&object, ".metadata.annotations['a.io/k']"),
            [&json!("v")]
        );
        assert_eq!(
            find(&object, ".status.conditions[?(@.type==\"Ready\")].status"),
            [&json!("True")]
        );
        assert!(find(&object, ".spec.absent").is_empty());
        assert!(find(&object, ".spec[").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_path_ends(path in ".{0,40}") {
            drop(find(&json!({"a": [1, {"b": 2}]}), &path));
        }
    }
}
