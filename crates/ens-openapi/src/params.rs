//! The parameters of a call, flattened as the API wants them.

use std::collections::BTreeMap;
use std::collections::btree_map;

use serde::ser::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Parameters of one call by name, in byte order of their names. Every value is text, as in the query string.
///
/// Two sets with the same content encode to the same bytes, whatever the order they were filled in; a set can be
/// recorded (it serializes to a JSON object) and sent again unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Sets `name` to the text of `value`, replacing what was there.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: &(impl ToString + ?Sized)) -> Self {
        self.set(name, value);
        self
    }

    /// Sets `name` to the text of `value`, replacing what was there.
    pub fn set(&mut self, name: impl Into<String>, value: &(impl ToString + ?Sized)) {
        self.0.insert(name.into(), value.to_string());
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names and values in byte order of the names.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Flattens a value that serializes to an object: nulls are left out, numbers and booleans become text, a list
    /// becomes `Name.1`, `Name.2`, …, an object `Name.Field` (the rule of the official SDKs,
    /// aliyun/darabonba-openapi-util). A member that the API wants as JSON text has to serialize as that text.
    ///
    /// # Errors
    /// When the value cannot be serialized or is not an object.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        let Value::Object(members) = serde_json::to_value(value)? else {
            return Err(serde_json::Error::custom("parameters have to be an object"));
        };
        let mut params = Self::new();
        for (name, member) in members {
            params.flatten(name, member);
        }
        Ok(params)
    }

    fn flatten(&mut self, name: String, value: Value) {
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.set(name, &flag),
            Value::Number(number) => self.set(name, &number),
            Value::String(text) => self.set(name, &text),
            Value::Array(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    self.flatten(format!("{name}.{}", index + 1), item);
                }
            }
            Value::Object(members) => {
                for (member, item) in members {
                    self.flatten(format!("{name}.{member}"), item);
                }
            }
        }
    }
}

/// Iterator over the names and values of [`Params`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(btree_map::Iter<'a, String, String>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.0
            .next()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<N: Into<String>, V: ToString> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut params = Self::new();
        for (name, value) in pairs {
            params.set(name, &value);
        }
        params
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_objects_are_numbered_from_one_and_nulls_are_left_out() {
        let params = Params::of(&json!({
            "Tag": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": null}],
            "EnsRegionIds": ["x", "y"],
            "Force": true,
            "Bandwidth": 10,
            "Name": null,
        }))
        .unwrap();
        let expected: Params = [
            ("Tag.1.Key", "a"),
            ("Tag.1.Value", "1"),
            ("Tag.2.Key", "b"),
            ("EnsRegionIds.1", "x"),
            ("EnsRegionIds.2", "y"),
            ("Force", "true"),
            ("Bandwidth", "10"),
        ]
        .into_iter()
        .collect();
        assert_eq!(params, expected);
    }

    #[test]
    fn a_list_is_refused_as_a_parameter_set() {
        assert!(Params::of(&json!(["a"])).is_err());
    }

    #[test]
    fn recorded_parameters_come_back_unchanged() {
        let params = Params::new().with("ClientToken", "t").with("Port", &80);
        let text = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<Params>(&text).unwrap(), params);
    }
}
