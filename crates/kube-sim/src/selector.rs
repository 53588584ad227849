//! Label and field selectors, as query parameters and as objects.
//!
//! Grammar: k8s.io/apimachinery `pkg/labels/selector.go` and `pkg/fields/selector.go`.

use serde_json::Value;

use crate::object;

/// A label selector: all requirements hold. Without requirements everything matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

/// Why a selector could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    #[error("unable to parse requirement: found {found:?}, expected: {expected}")]
    Unexpected {
        found: String,
        expected: &'static str,
    },
    #[error("for 'Gt', 'Lt' operators, the value must be an integer, not {0:?}")]
    NotAnInteger(String),
    #[error("key {0:?} is not a valid label key")]
    Key(String),
    #[error("value {0:?} is not a valid label value")]
    Value(String),
    #[error("{0:?} is not a valid label selector operator")]
    Operator(String),
    #[error("invalid field selector: {0:?}; can't understand it")]
    Field(String),
}

impl LabelSelector {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3`.
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut tokens = Tokens(text);
        let mut requirements = Vec::new();
        loop {
            match tokens.next() {
                "" if requirements.is_empty() => return Ok(Self::default()),
                "!" => {
                    let key = label_key(tokens.next())?;
                    requirements.push(Requirement {
                        key,
                        operator: Operator::DoesNotExist,
                    });
                }
                key => {
                    let key = label_key(key)?;
                    let operator = tokens.operator()?;
                    requirements.push(Requirement { key, operator });
                }
            }
            match tokens.next() {
                "" => return Ok(Self(requirements)),
                "," => {}
                found => {
                    return Err(SelectorError::Unexpected {
                        found: found.to_owned(),
                        expected: "',' or the end",
                    });
                }
            }
        }
    }

    /// Reads `metav1.LabelSelector`: `matchLabels` and `matchExpressions`.
    pub(crate) fn from_object(selector: &Value) -> Result<Self, SelectorError> {
        let mut requirements = Self::from_map(&selector["matchLabels"]).0;
        for expression in object::items(&selector["matchExpressions"]) {
            let key = label_key(expression["key"].as_str().unwrap_or_default())?;
            let values = object::items(&expression["values"])
                .filter_map(Value::as_str)
                .map(str::to_owned);
            let operator = match expression["operator"].as_str().unwrap_or_default() {
                "In" => Operator::In(values.collect()),
                "NotIn" => Operator::NotIn(values.collect()),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(SelectorError::Operator(other.to_owned())),
            };
            requirements.push(Requirement { key, operator });
        }
        Ok(Self(requirements))
    }

    /// Reads a plain map, as in `Service.spec.selector`.
    pub(crate) fn from_map(map: &Value) -> Self {
        let requirement = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            operator: Operator::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        };
        Self(
            map.as_object()
                .into_iter()
                .flatten()
                .map(requirement)
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the labels (a JSON map or null) match.
    pub(crate) fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels[requirement.key.as_str()].as_str();
            match (&requirement.operator, value) {
                (Operator::In(allowed), Some(value)) => allowed.iter().any(|a| a == value),
                (Operator::NotIn(refused), Some(value)) => refused.iter().all(|r| r != value),
                (Operator::GreaterThan(bound), Some(value)) => {
                    value.parse().is_ok_and(|n: i64| n > *bound)
                }
                (Operator::LessThan(bound), Some(value)) => {
                    value.parse().is_ok_and(|n: i64| n < *bound)
                }
                (Operator::Exists, value) => value.is_some(),
                (Operator::DoesNotExist, value) => value.is_none(),
                (Operator::NotIn(_), None) => true,
                (Operator::In(_) | Operator::GreaterThan(_) | Operator::LessThan(_), None) => false,
            }
        })
    }
}

/// Splits a selector into words and the symbols `! = == != ( ) , < >`.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    /// The next token; empty at the end.
    fn next(&mut self) -> &'a str {
        let rest = self.0.trim_start();
        let symbols = ["==", "!=", "=", "!", "(", ")", ",", "<", ">"];
        let length = match symbols.iter().find(|s| rest.starts_with(**s)) {
            Some(symbol) => symbol.len(),
            None => rest
                .find(|c: char| c.is_whitespace() || "=!(),<>".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, rest) = rest.split_at(length);
        self.0 = rest;
        token
    }

    fn peek(&self) -> &'a str {
        Tokens(self.0).next()
    }

    /// What follows a key.
    fn operator(&mut self) -> Result<Operator, SelectorError> {
        match self.peek() {
            "" | "," => return Ok(Operator::Exists),
            _ => {}
        }
        match self.next() {
            "=" | "==" => Ok(Operator::In(vec![self.value()?])),
            "!=" => Ok(Operator::NotIn(vec![self.value()?])),
            ">" => Ok(Operator::GreaterThan(self.integer()?)),
            "<" => Ok(Operator::LessThan(self.integer()?)),
            "in" => Ok(Operator::In(self.values()?)),
            "notin" => Ok(Operator::NotIn(self.values()?)),
            found => Err(SelectorError::Unexpected {
                found: found.to_owned(),
                expected: "in, notin, =, ==, !=, gt, lt",
            }),
        }
    }

    /// One value, which may be empty.
    fn value(&mut self) -> Result<String, SelectorError> {
        match self.peek() {
            "" | "," | ")" => Ok(String::new()),
            _ => label_value(self.next()),
        }
    }

    fn integer(&mut self) -> Result<i64, SelectorError> {
        let token = self.next();
        token
            .parse()
            .map_err(|_| SelectorError::NotAnInteger(token.to_owned()))
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        let unexpected = |found: &str, expected| {
            Err(SelectorError::Unexpected {
                found: found.to_owned(),
                expected,
            })
        };
        match self.next() {
            "(" => {}
            found => return unexpected(found, "'('"),
        }
        let mut values = vec![self.value()?];
        loop {
            match self.next() {
                ")" => return Ok(values),
                "," => values.push(self.value()?),
                found => return unexpected(found, "',' or ')'"),
            }
        }
    }
}

fn label_key(token: &str) -> Result<String, SelectorError> {
    if crate::validation::is_qualified_name(token) {
        Ok(token.to_owned())
    } else {
        Err(SelectorError::Key(token.to_owned()))
    }
}

fn label_value(token: &str) -> Result<String, SelectorError> {
    if crate::validation::is_label_value(token) {
        Ok(token.to_owned())
    } else {
        Err(SelectorError::Value(token.to_owned()))
    }
}

/// A field selector: `path=value`, `path==value`, `path!=value`, joined by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<FieldRequirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    path: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for term in split_unescaped(text) {
            if term.is_empty() {
                continue;
            }
            let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
                (path, false, value)
            } else if let Some((path, value)) = term.split_once("==") {
                (path, true, value)
            } else if let Some((path, value)) = term.split_once('=') {
                (path, true, value)
            } else {
                return Err(SelectorError::Field(term));
            };
            let value = value
                .replace("\\,", ",")
                .replace("\\=", "=")
                .replace("\\\\", "\\");
            requirements.push(FieldRequirement {
                path: path.trim().to_owned(),
                equal,
                value,
            });
        }
        Ok(Self(requirements))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|r| r.path.as_str())
    }

    /// Whether the object's fields match; an absent field counts as empty.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let found = requirement
                .path
                .split('.')
                .fold(object, |value, key| &value[key]);
            let text = match found {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            (text == requirement.value) == requirement.equal
        })
    }
}

fn split_unescaped(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == ',' && !escaped {
            terms.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = terms.last_mut() {
            last.push(c);
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(selector: &str, labels: &Value) -> bool {
        LabelSelector::parse(selector).unwrap().matches(labels)
    }

    #[test]
    fn every_operator_of_the_label_grammar_selects_as_documented() {
        let labels = json!({"app": "cube", "tier": "web", "n": "5", "empty": ""});
        for yes in [
            "",
            "app=cube",
            "app==cube",
            "app!=sphere",
            "app in (cube, sphere)",
            "app notin (sphere)",
            "tier",
            "!gone",
            "n>4",
            "n<6",
            "app=cube,tier in (web),!gone",
            "gone!=x",
            "gone notin (x)",
            "empty=",
            " app = cube ",
            "empty in (,x)",
        ] {
            assert!(matches(yes, &labels), "{yes:?} should match");
        }
        for no in [
            "app=sphere",
            "app!=cube",
            "app in (sphere)",
            "app notin (cube)",
            "gone",
            "!app",
            "n>5",
            "n<5",
            "gone=x",
        ] {
            assert!(!matches(no, &labels), "{no:?} should not match");
        }
    }

    #[test]
    fn broken_label_selectors_are_refused() {
        for text in [
            "app in cube",
            "app in (cube",
            "a b",
            "=x",
            "n>x",
            "a=b,",
            "a=b c",
            "!",
            "app~cube",
            "a=-",
        ] {
            assert!(
                LabelSelector::parse(text).is_err(),
                "{text:?} should be refused"
            );
        }
    }

    #[test]
    fn field_selectors_compare_paths_and_honour_escapes() {
        let object = json!({"metadata": {"name": "a,b"}, "spec": {"n": 3}});
        assert!(
            FieldSelector::parse("metadata.name=a\\,b,spec.n==3")
                .unwrap()
                .matches(&object)
        );
        assert!(
            !FieldSelector::parse("metadata.name!=a\\,b")
                .unwrap()
                .matches(&object)
        );
        assert!(
            FieldSelector::parse("status.phase=")
                .unwrap()
                .matches(&object)
        );
        assert!(FieldSelector::parse("nonsense").is_err());
    }

    #[test]
    fn selector_objects_combine_labels_and_expressions() {
        let selector = LabelSelector::from_object(&json!({
            "matchLabels": {"app": "cube"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}],
        }))
        .unwrap();
        assert!(selector.matches(&json!({"app": "cube"})));
        assert!(!selector.matches(&json!({"app": "cube", "tier": "db"})));
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,64}") {
            drop(LabelSelector::parse(&text));
            drop(FieldSelector::parse(&text));
        }
    }
}
