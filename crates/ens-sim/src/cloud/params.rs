//! The grammar of parameters: what each action takes, and a validated view of what a call gave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::call_params::CallParams;
use super::error::ApiError;

/// What a parameter's text may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// Text of so many characters that does not start with `http://` or `https://`.
    Name(usize, usize),
    /// ASCII, at most 64 characters.
    Token,
    /// A whole number within bounds.
    Int(u32, u32),
    /// `true` or `false`.
    Bool,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `Name.1`, `Name.2`...: at most so many texts.
    List(usize),
    /// `Name.1.Field`...: at most so many objects with these fields.
    Objects(usize, &'static [&'static str]),
    /// JSON text in one parameter.
    Json,
    /// Text of 1 to so many ASCII letters and digits.
    Alphanumeric(usize),
    /// A path of 1-80 characters that starts with `/` and is not just `/`.
    Path,
}

/// One parameter of an action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) kind: Kind,
}

/// A parameter that must be given.
pub(crate) const fn req(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        required: true,
        kind,
    }
}

/// A parameter that may be given.
pub(crate) const fn opt(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        required: false,
        kind,
    }
}

/// Whether the gateway takes a parameter with every action (RPC mechanism page of the Alibaba Cloud SDK documentation).
/// The wire layer has used them up; `RegionId` is sent by older SDKs and means nothing to ENS.
fn is_common(name: &str) -> bool {
    matches!(
        name,
        "AccessKeyId"
            | "Action"
            | "Format"
            | "RegionId"
            | "SecurityToken"
            | "Signature"
            | "SignatureMethod"
            | "SignatureNonce"
            | "SignatureType"
            | "SignatureVersion"
            | "Timestamp"
            | "Version"
    )
}

/// The parameters of the action itself, without keys, tokens and signature.
pub(super) fn own(given: &BTreeMap<String, String>) -> CallParams {
    CallParams::filtered(given, |name| !is_common(name))
}

/// The parameters of one call, checked against the action's grammar.
pub(crate) struct Args<'a> {
    /// In the order of their names.
    given: Vec<(&'a str, &'a str)>,
}

impl<'a> Args<'a> {
    /// Checks `given`: unknown names (where `refuse_unknown`), then missing ones, then each value.
    /// An empty value counts as absent, as it does at the real gateway.
    pub(crate) fn check(
        params: &[Param],
        given: &'a BTreeMap<String, String>,
        refuse_unknown: bool,
    ) -> Result<Self, ApiError> {
        let own = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, value)| !value.is_empty() && !is_common(name));
        let mut given = Vec::with_capacity(given.len());
        given.extend(own);
        if refuse_unknown
            && let Some((name, _)) = given
                .iter()
                .find(|(name, _)| !params.iter().any(|param| param.covers(name)))
        {
            return Err(ApiError::invalid(name, "this action has no such parameter"));
        }
        for param in params.iter().filter(|param| param.required) {
            if !given.iter().any(|(name, _)| param.covers(name)) {
                return Err(ApiError::missing(param.name));
            }
        }
        for (name, value) in &given {
            if let Some(param) = params.iter().find(|param| param.covers(name)) {
                param.check(name, value)?;
            }
        }
        Ok(Self { given })
    }

    /// The text of a parameter.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let at = self.given.binary_search_by_key(&name, |(given, _)| given);
        Some(self.given.get(at.ok()?)?.1)
    }

    /// The text of a parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }

    /// The number of a parameter.
    pub(crate) fn int(&self, name: &str) -> Option<u32> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// A port that must be there.
    pub(crate) fn port(&self, name: &str) -> Result<u16, ApiError> {
        let text = self.required(name)?;
        text.parse()
            .map_err(|_| ApiError::invalid(name, "must be a port from 1 to 65535"))
    }

    /// A switch.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name)
            .map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The values of `Name.1`, `Name.2`... in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&'a str> {
        let mut numbered: Vec<(usize, &str)> = self
            .given
            .iter()
            .filter_map(|(key, value)| {
                let number = key.strip_prefix(name)?.strip_prefix('.')?;
                Some((number.parse().ok()?, *value))
            })
            .collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, value)| value).collect()
    }

    /// The pairs of `Name.N.Key` and `Name.N.Value`; a key without a value has an empty one.
    pub(crate) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let mut tags = BTreeMap::new();
        let numbers: BTreeSet<usize> = self
            .given
            .iter()
            .filter_map(|(key, _)| Some(object_field(key, name)?.0))
            .collect();
        for number in numbers {
            let field = |field: &str| self.text(&format!("{name}.{number}.{field}"));
            let key =
                field("Key").ok_or_else(|| ApiError::missing(&format!("{name}.{number}.Key")))?;
            let value = field("Value").unwrap_or_default();
            check_tag(&format!("{name}.{number}"), key, value)?;
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(ApiError::invalid(
                    &format!("{name}.{number}.Key"),
                    "the key is given twice",
                ));
            }
        }
        Ok(tags)
    }

    /// A JSON array text: its elements.
    pub(crate) fn json_array(&self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match serde_json::from_str(text) {
            Ok(Value::Array(elements)) => Ok(Some(elements)),
            _ => Err(ApiError::invalid(name, "must be a JSON array")),
        }
    }

    /// Page and page size, from the defaults and the bounds of the action.
    pub(crate) fn paging(
        &self,
        default: u32,
        min: u32,
        max: u32,
    ) -> Result<(usize, usize), ApiError> {
        let number = self.bounded("PageNumber", 1, u32::MAX)?.unwrap_or(1);
        let size = self.bounded("PageSize", min, max)?.unwrap_or(default);
        Ok((number as usize, size as usize))
    }

    fn bounded(&self, name: &str, min: u32, max: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse::<u32>() {
            Ok(value) if (min..=max).contains(&value) => Ok(Some(value)),
            _ => Err(ApiError::invalid(
                name,
                format!("must be a number from {min} to {max}, not {text}"),
            )),
        }
    }

    /// Every given parameter as one text, for comparing two calls. Lengths keep apart what any text may hold.
    pub(crate) fn all(&self) -> String {
        let mut all = String::with_capacity(256);
        for (name, value) in &self.given {
            // Writing to a String cannot fail.
            let _infallible = write!(all, "{name}:{}:{value};", value.len());
        }
        all
    }
}

impl Param {
    /// Whether a parameter called `name` is this one (`Tag.3.Key` is `Tag`).
    fn covers(&self, name: &str) -> bool {
        match self.kind {
            Kind::List(most) => name
                .strip_prefix(self.name)
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|number| number.parse::<usize>().ok())
                .is_some_and(|number| (1..=most).contains(&number)),
            Kind::Objects(most, fields) => {
                object_field(name, self.name).is_some_and(|(number, field)| {
                    (1..=most).contains(&number) && fields.contains(&field)
                })
            }
            _ => name == self.name,
        }
    }

    fn check(&self, name: &str, value: &str) -> Result<(), ApiError> {
        let length = value.chars().count();
        let why = match self.kind {
            Kind::Text | Kind::List(_) | Kind::Objects(..) => None,
            Kind::Name(min, max) => {
                ((length < min || length > max) || value.starts_with("http://") || value.starts_with("https://"))
                    .then(|| {
                        format!("must have {min} to {max} characters (it has {length}) and not start with http:// or https://")
                    })
            }
            Kind::Token => (length > 64 || !value.is_ascii()).then(|| "must be ASCII of at most 64 characters".into()),
            Kind::Int(min, max) => {
                let fits = value.parse::<u32>().is_ok_and(|number| (min..=max).contains(&number));
                (!fits).then(|| format!("must be a number from {min} to {max}, not {value}"))
            }
            Kind::Bool => {
                let fits = value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
                (!fits).then(|| format!("must be true or false, not {value}"))
            }
            Kind::OneOf(words) => {
                (!words.contains(&value)).then(|| format!("must be one of {}, not {value}", words.join(", ")))
            }
            Kind::Json => serde_json::from_str::<Value>(value).err().map(|_| "must be JSON text".to_owned()),
            Kind::Alphanumeric(most) => (length > most || !value.chars().all(|c| c.is_ascii_alphanumeric()))
                .then(|| format!("must be at most {most} letters and digits")),
            Kind::Path => (!(2..=80).contains(&length) || !value.starts_with('/'))
                .then(|| "must be a path of 2 to 80 characters that starts with /".to_owned()),
        };
        why.map_or(Ok(()), |why| Err(ApiError::invalid(name, why)))
    }
}

/// The number and the field in `Name.N.Field`.
fn object_field<'k>(key: &'k str, name: &str) -> Option<(usize, &'k str)> {
    let rest = key.strip_prefix(name)?.strip_prefix('.')?;
    let (number, field) = rest.split_once('.')?;
    Some((number.parse().ok()?, field))
}

/// Tag limits of CreateEipInstance: key up to 64 characters, value up to 128, reserved prefixes refused.
fn check_tag(name: &str, key: &str, value: &str) -> Result<(), ApiError> {
    let reserved = ["aliyun", "acs:", "http://", "https://"];
    if key.chars().count() > 64 || reserved.iter().any(|prefix| key.starts_with(prefix)) {
        let why =
            "must have 1 to 64 characters and not start with aliyun, acs:, http:// or https://";
        return Err(ApiError::invalid(&format!("{name}.Key"), why));
    }
    if value.chars().count() > 128
        || ["aliyun", "acs:"]
            .iter()
            .any(|prefix| value.starts_with(prefix))
        || ["http://", "https://"]
            .iter()
            .any(|part| value.contains(part))
    {
        let why = "must have at most 128 characters, not start with aliyun or acs: and hold no http:// or https://";
        return Err(ApiError::invalid(&format!("{name}.Value"), why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        req("Id", Kind::Text),
        opt("Port", Kind::Int(1, 65535)),
        opt("Tag", Kind::Objects(20, &["Key", "Value"])),
        opt("Many", Kind::List(2)),
        opt("Name", Kind::Name(2, 5)),
    ];

    fn check(pairs: &[(&str, &str)]) -> Result<(), String> {
        let given = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Args::check(PARAMS, &given, true)
            .map(|_| ())
            .map_err(|error| error.code)
    }

    #[test]
    fn a_missing_or_empty_parameter_is_refused_by_name() {
        assert_eq!(check(&[]), Err("MissingId".into()));
        assert_eq!(check(&[("Id", "")]), Err("MissingId".into()));
        assert_eq!(check(&[("Id", "a")]), Ok(()));
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        assert_eq!(
            check(&[("Id", "a"), ("Colour", "red")]),
            Err("InvalidParameter.Colour".into())
        );
        assert_eq!(
            check(&[("Id", "a"), ("Many.3", "x")]),
            Err("InvalidParameter.Many.3".into())
        );
        assert_eq!(
            check(&[("Id", "a"), ("Tag.1.Colour", "x")]),
            Err("InvalidParameter.Tag.1.Colour".into())
        );
        assert_eq!(
            check(&[("Id", "a"), ("Tag.1.Colour.Key", "x")]),
            Err("InvalidParameter.Tag.1.Colour.Key".into())
        );
        assert_eq!(
            check(&[
                ("Id", "a"),
                ("RegionId", "cn-hangzhou"),
                ("SignatureType", "")
            ]),
            Ok(())
        );
    }

    #[test]
    fn values_outside_their_limits_are_refused_by_name() {
        for (name, value) in [
            ("Port", "0"),
            ("Port", "65536"),
            ("Port", "x"),
            ("Name", "a"),
            ("Name", "abcdef"),
        ] {
            assert_eq!(
                check(&[("Id", "a"), (name, value)]),
                Err(format!("InvalidParameter.{name}")),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn tags_need_a_key_and_reserved_prefixes_are_refused() {
        let tags = |pairs: &[(&str, &str)]| {
            let given: BTreeMap<String, String> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .chain([("Id".into(), "a".into())])
                .collect();
            Args::check(PARAMS, &given, true)
                .and_then(|args| args.tags("Tag"))
                .map_err(|error| error.code)
        };
        assert_eq!(
            tags(&[("Tag.1.Value", "v")]),
            Err("MissingTag.1.Key".into())
        );
        assert_eq!(
            tags(&[("Tag.1.Key", "acs:x")]),
            Err("InvalidParameter.Tag.1.Key".into())
        );
        assert_eq!(
            tags(&[("Tag.2.Key", "k"), ("Tag.2.Value", "v")]),
            Ok(BTreeMap::from([("k".into(), "v".into())]))
        );
    }
}
