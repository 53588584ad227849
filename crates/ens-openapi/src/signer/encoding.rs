//! Percent-encoding as the signatures want it.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::credentials::Secret;

/// Everything but the unreserved characters of RFC 3986 is encoded; a blank is `%20`, never `+`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes a text: UTF-8 bytes as `%XY` with capital digits, but letters, digits and `-_.~` as they are.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Parameters as one query text: encoded, `name=value`, sorted by name (then by value) in byte order, joined by `&`.
/// A parameter without a value is `name=`. The same text is signed and sent.
///
/// With V1 it holds the security token of temporary credentials: do not log it. It is overwritten when it is dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CanonicalQuery(Zeroizing<String>);

impl CanonicalQuery {
    /// The canonical text of these parameters, in whatever order they come.
    pub fn new<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut params: Vec<_> = params.into_iter().collect();
        // By the plain names, as the official SDKs sort: encoding would change the order of some.
        params.sort_unstable();
        // Room for the worst case: a text that grows leaves a copy behind.
        let size = |(name, value): &(&str, &str)| 3 * (name.len() + value.len()) + 2;
        let mut text = String::with_capacity(params.iter().map(size).sum());
        for (name, value) in params {
            if !text.is_empty() {
                text.push('&');
            }
            text.extend(utf8_percent_encode(name, ENCODED));
            text.push('=');
            text.extend(utf8_percent_encode(value, ENCODED));
        }
        Self(Zeroizing::new(text))
    }

    /// The text, to send where it holds a secret.
    pub(crate) fn into_secret(self) -> Secret {
        Secret::from(self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CanonicalQuery {
    /// Names only: a value may be a security token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.split('&').map(|pair| pair.split('=').next());
        f.debug_list().entries(names.flatten()).finish()
    }
}

impl fmt::Display for CanonicalQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_characters_are_encoded_and_unreserved_ones_are_not() {
        assert_eq!(percent_encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent_encode(" */+"), "%20%2A%2F%2B");
        assert_eq!(percent_encode("阿"), "%E9%98%BF");
    }

    #[test]
    fn an_empty_value_keeps_its_equals_sign() {
        assert_eq!(
            CanonicalQuery::new([("b", ""), ("a", "1")]).as_str(),
            "a=1&b="
        );
    }

    // rule_10_5
    #[test]
    fn names_are_shown_and_values_are_not() {
        let query = CanonicalQuery::new([("SecurityToken", "token-12"), ("A", "1")]);
        assert_eq!(format!("{query:?}"), r#"["A", "SecurityToken"]"#);
        assert_eq!(query.as_str(), "A=1&SecurityToken=token-12");
    }

    proptest! {
        #[test]
        fn encoding_keeps_every_text(text in any::<String>()) {
            let encoded = percent_encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)));
            prop_assert_eq!(percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap(), text);
        }

        #[test]
        fn order_of_parameters_does_not_matter(
            pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..8),
            seed in any::<u64>(),
        ) {
            let mut shuffled = pairs.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let text = |pairs: &[(String, String)]| {
                CanonicalQuery::new(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())))
            };
            prop_assert_eq!(text(&pairs), text(&shuffled));
        }

        #[test]
        fn a_server_reads_back_what_was_put_in(
            params in prop::collection::btree_map(any::<String>(), any::<String>(), 0..8),
        ) {
            let query = CanonicalQuery::new(params.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            let read: std::collections::BTreeMap<String, String> =
                url::form_urlencoded::parse(query.as_str().as_bytes()).into_owned().collect();
            prop_assert_eq!(read, params);
        }
    }
}
