//! Reading what ENS really sends: numbers as text, text with a line feed at its end, lists inside a wrapper object.
//!
//! Everywhere `null`, a missing member and empty text mean "absent".

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serializer};
use serde::{Deserialize, Serialize};

/// Text, trimmed; absent when empty. Numbers and booleans are taken as their text.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextVisitor)
}

/// Text that has to be there.
pub(crate) fn required<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from)?.ok_or_else(|| de::Error::custom("a required text is empty"))
}

/// A number or a flag, written as itself or as text.
pub(crate) fn scalar<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    let Some(text) = text(from)? else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|cause| de::Error::custom(format_args!("\"{text}\": {cause}")))
}

/// A number that has to be there, written as itself or as text.
pub(crate) fn required_scalar<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    scalar(from)?.ok_or_else(|| de::Error::custom("a required number is empty"))
}

/// A list: `[…]`, or `{"Anything": […]}` as the older products of the cloud wrap it.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Ok(optional_list(from)?.unwrap_or_default())
}

/// The same, telling an absent list from an empty one.
pub(crate) fn optional_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    from.deserialize_any(ListVisitor(PhantomData))
}

/// Writes a list as one JSON text, the encoding of `BackendServers`, `InstanceIds` and their like.
pub(crate) fn as_json_text<S: Serializer, T: Serialize>(
    value: &T,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(&serde_json::to_string(value).map_err(ser::Error::custom)?)
}

/// Reads what [`as_json_text`] wrote.
pub(crate) fn from_json_text<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<T, D::Error> {
    serde_json::from_str(&String::deserialize(from)?).map_err(de::Error::custom)
}

/// Writes a list as one text joined by commas, the encoding of several EIP ids.
pub(crate) fn as_comma_text<S: Serializer>(items: &[String], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&items.join(","))
}

/// Reads what [`as_comma_text`] wrote.
pub(crate) fn from_comma_text<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(text
        .split(',')
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect())
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a boolean or null")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        let value = value.trim();
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, an object around one list, or null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Some(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Some(name) = members.next_key::<String>()? else {
            return Ok(Some(Vec::new()));
        };
        let list = members.next_value::<Option<Vec<T>>>()?.unwrap_or_default();
        match members.next_key::<String>()? {
            None => Ok(Some(list)),
            Some(other) => Err(de::Error::custom(format_args!(
                "one list expected, but there are \"{name}\" and \"{other}\""
            ))),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

/// Defines an enum of the texts that the API documents for one field. Texts are compared without case (the same
/// status is `Running` in one answer and `running` in the next); an unknown text is kept as it came.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A text that the documentation does not list, as it came. Empty when the API said nothing.
            Unknown(String),
        }

        impl $name {
            /// The documented values.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The text as the API spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Unknown(String::new())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                let text = text.trim();
                $(if text.eq_ignore_ascii_case($text) {
                    return Self::$variant;
                })+
                Self::Unknown(text.to_owned())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok(crate::api::wire::text(from)?.map_or_else(Self::default, |text| Self::from(text.as_str())))
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::eip::Isp;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "text")]
        text: Option<String>,
        #[serde(default, deserialize_with = "scalar")]
        number: Option<u16>,
        #[serde(default, deserialize_with = "list")]
        list: Vec<String>,
    }

    fn read(value: Value) -> Result<Sample, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn numbers_may_be_text_and_text_may_be_numbers() {
        let sample = read(json!({"text": 5, "number": " 80\n"})).unwrap();
        assert_eq!(
            (sample.text.as_deref(), sample.number),
            (Some("5"), Some(80))
        );
        assert_eq!(read(json!({"number": 80})).unwrap().number, Some(80));
    }

    #[test]
    fn null_missing_and_empty_are_absent() {
        let absent = Sample {
            text: None,
            number: None,
            list: Vec::new(),
        };
        assert_eq!(read(json!({})).unwrap(), absent);
        assert_eq!(
            read(json!({"text": null, "number": null, "list": null})).unwrap(),
            absent
        );
        assert_eq!(
            read(json!({"text": "\n", "number": "", "list": {}})).unwrap(),
            absent
        );
    }

    #[test]
    fn a_number_that_is_none_or_too_large_is_refused_with_its_text() {
        for value in [json!("8O"), json!(65536), json!(-1), json!(1.5)] {
            let error = read(json!({"number": value})).unwrap_err().to_string();
            assert!(
                error.contains(value.to_string().trim_matches('"')),
                "{error}"
            );
        }
    }

    #[test]
    fn lists_may_be_wrapped_but_only_around_one_list() {
        let expected = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(read(json!({"list": ["a", "b"]})).unwrap().list, expected);
        assert_eq!(
            read(json!({"list": {"Any": ["a", "b"]}})).unwrap().list,
            expected
        );
        assert!(
            read(json!({"list": {"Any": null}}))
                .unwrap()
                .list
                .is_empty()
        );
        assert!(read(json!({"list": {"Any": ["a"], "Other": ["b"]}})).is_err());
        assert!(read(json!({"list": {"Any": "a"}})).is_err());
        assert!(read(json!({"list": "a"})).is_err());
    }

    proptest! {
        #[test]
        fn an_enum_keeps_every_unknown_text(text in "[a-zA-Z]{0,12}|[cC][mM][cC][cC]") {
            let isp: Isp = serde_json::from_value(json!(text)).unwrap();
            if let Some(known) = Isp::KNOWN.iter().find(|known| known.as_str().eq_ignore_ascii_case(&text)) {
                prop_assert_eq!(&isp, known);
            } else {
                prop_assert_eq!(isp, Isp::Unknown(text));
            }
        }

        #[test]
        fn reading_any_json_never_panics(text in "\\PC{0,64}", number in any::<f64>()) {
            for value in [json!(text), json!(number), json!([text]), json!({"x": number})] {
                let _ = read(json!({"text": value, "number": value, "list": value}));
            }
        }
    }
}
