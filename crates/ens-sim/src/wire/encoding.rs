//! Percent-encoding as the RPC gateway defines it, and the pairs of a query or form.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// Everything but `A-Z a-z 0-9 - _ . ~` is encoded (RPC mechanism page of the Alibaba Cloud SDK documentation).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes one name or value.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// `name=value` pairs joined by `&`, sorted by name and then by value, both encoded.
pub(crate) fn canonical_query(pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
    sorted.sort();
    let encoded: Vec<String> = sorted
        .into_iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    encoded.join("&")
}

/// The pairs of a query string or a form body. Bytes that are not UTF-8 become replacement characters.
pub(crate) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let at = part.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((part, &[][..]), |at| {
                let (name, rest) = part.split_at(at);
                (name, rest.get(1..).unwrap_or_default())
            });
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unreserved_characters_stay() {
        assert_eq!(encode("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(encode(" */+中"), "%20%2A%2F%2B%E4%B8%AD");
    }

    #[test]
    fn a_query_reads_back_what_it_encodes() {
        let given = vec![
            ("b".to_owned(), "x y&=".to_owned()),
            ("a".to_owned(), String::new()),
        ];
        let mut read = pairs(canonical_query(&given).as_bytes());
        read.reverse();
        assert_eq!(read, given);
    }

    proptest::proptest! {
        #[test]
        fn no_query_makes_the_parser_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let read = pairs(&bytes);
            proptest::prop_assert!(read.len() <= bytes.len());
        }
    }
}
