//! JSON as a body of a request: the last of several fields with one name counts, and all but the first are told.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::place::Place;

/// Reads a document and the paths of fields that are there more than once.
pub(super) fn parse(bytes: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut duplicates = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = Node {
        place: &Place::Root,
        duplicates: &mut duplicates,
    };
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, duplicates))
}

struct Node<'a> {
    place: &'a Place<'a>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let place = Place::Item(self.place, items.len());
            let seed = Node {
                place: &place,
                duplicates: self.duplicates,
            };
            match access.next_element_seed(seed)? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields: Map<String, Value> = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let place = Place::Field(self.place, &name);
            if fields.contains_key(&name) {
                self.duplicates.push(place.to_string());
            }
            let seed = Node {
                place: &place,
                duplicates: self.duplicates,
            };
            let value = access.next_value_seed(seed)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn fields_that_are_there_twice_are_told_with_their_paths() {
        let text = br#"{"a": 1, "b": [{"c": 1, "c": null}], "a": 2.5}"#;
        let (value, duplicates) = parse(text).unwrap();
        assert_eq!(value, json!({"a": 2.5, "b": [{"c": null}]}));
        assert_eq!(duplicates, ["b[0].c", "a"]);
    }

    #[test]
    fn anything_behind_the_document_is_refused() {
        assert!(parse(b"{} {}").is_err());
    }
}
