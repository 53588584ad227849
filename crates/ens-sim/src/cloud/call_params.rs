//! What a call gave, as the record keeps it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The parameters of a recorded call: texts by name, in the order of the names. The record holds thousands of calls that
/// nobody looks at, so each keeps all its texts in one. They serialize as a map.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallParams {
    /// Name and value of each, one after the other.
    text: String,
    /// Where each name and each value ends in `text`.
    ends: Vec<usize>,
}

impl CallParams {
    /// Those of `given` that pass.
    pub(super) fn filtered(
        given: &BTreeMap<String, String>,
        passes: impl Fn(&str) -> bool,
    ) -> Self {
        let own = || given.iter().filter(|(name, _)| passes(name));
        let length = own().map(|(name, value)| name.len() + value.len()).sum();
        let mut params = Self {
            text: String::with_capacity(length),
            ends: Vec::with_capacity(2 * given.len()),
        };
        for text in own().flat_map(|(name, value)| [name, value]) {
            params.text.push_str(text);
            params.ends.push(params.text.len());
        }
        params
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut from = 0;
        let mut texts = self.ends.iter().map(move |end| {
            let text = self.text.get(from..*end).unwrap_or_default();
            from = *end;
            text
        });
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }
}

impl fmt::Debug for CallParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for CallParams {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for CallParams {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::filtered(&BTreeMap::deserialize(from)?, |_| true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_found_shown_and_read_again_as_a_map() {
        let given = [
            ("A", "1"),
            ("Empty", ""),
            ("Key", "secret"),
            ("Näme", "wért"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let params = CallParams::filtered(&given, |name| name != "Key");
        let pairs: Vec<_> = params.iter().collect();
        assert_eq!(pairs, [("A", "1"), ("Empty", ""), ("Näme", "wért")]);
        assert_eq!(params.get("Empty"), Some(""));
        assert_eq!(params.get("Näme"), Some("wért"));
        assert_eq!(params.get("Key"), None);
        assert_eq!(
            format!("{params:?}"),
            r#"{"A": "1", "Empty": "", "Näme": "wért"}"#
        );
        let text = serde_json::to_string(&params).unwrap();
        assert_eq!(text, r#"{"A":"1","Empty":"","Näme":"wért"}"#);
        assert_eq!(serde_json::from_str::<CallParams>(&text).unwrap(), params);
    }
}
