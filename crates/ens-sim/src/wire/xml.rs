//! Answers as XML, the default of the RPC gateway when a client does not ask for JSON.

use serde_json::Value;

/// Renders an answer. Lists become repeated elements, as POP products render them.
pub(super) fn document(body: &Value, error: bool) -> String {
    let root = if error { "Error" } else { "Response" };
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><{root}>{}</{root}>",
        children(body)
    )
}

fn children(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| element(name, value))
            .collect(),
        Value::String(text) => escape(text),
        Value::Null => String::new(),
        other => escape(&other.to_string()),
    }
}

fn element(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| element(name, item)).collect(),
        other => format!("<{name}>{}</{name}>", children(other)),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lists_repeat_their_element_and_text_is_escaped() {
        let body = json!({ "Total": 2, "Ids": { "Id": ["a", "b<c"] } });
        assert_eq!(
            super::document(&body, false),
            "<?xml version='1.0' encoding='UTF-8'?><Response><Ids><Id>a</Id><Id>b&lt;c</Id></Ids><Total>2</Total></Response>"
        );
    }
}
