//! A text that cannot be printed.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize as _, Zeroizing};

/// A secret text. It prints as `***`, cannot be compared or serialized, and its memory is overwritten when it is
/// dropped.
///
/// This crate keeps secrets in such values, and overwrites what it makes of them on the way: texts of files, forms,
/// queries and headers with a token in them, answers with credentials. What the HTTP and TLS libraries, the parser of
/// JSON (for texts with escapes) and the operating system copy is out of its hands.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every use of this is a place where it may leak.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Bytes to send that are overwritten when the last of their copies is dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.0)
    }

    /// A header value that is left out of debug output, and overwritten like [`into_bytes`](Self::into_bytes).
    pub(crate) fn header(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_maybe_shared(self.clone().into_bytes())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl Default for Secret {
    /// Nothing.
    fn default() -> Self {
        Self::new(String::new())
    }
}

/// Reads a secret of a file or an answer. It is no trait of [`Secret`], which would make it part of what users see.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

/// The same where it may be absent.
pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Secret::new))
}

/// Bytes with a secret in them, such as an answer with credentials. They are not printed, and overwritten in the end if
/// nobody else has a part of the same memory.
pub(super) struct SecretBytes(Bytes);

impl SecretBytes {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The text in them, without the white space around it.
    pub(super) fn trimmed(&self) -> Secret {
        Secret::new(String::from_utf8_lossy(&self.0).trim())
    }
}

impl std::ops::Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        if let Ok(mut bytes) = std::mem::take(&mut self.0).try_into_mut() {
            bytes.as_mut().zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Credentials;

    #[test]
    fn what_is_sent_is_what_was_hidden() {
        assert_eq!(Secret::new("a token").into_bytes(), "a token");
        let answer = SecretBytes::new(Bytes::from_static(b" a token\n"));
        assert_eq!(answer.trimmed().expose(), "a token");
    }

    #[test]
    fn printing_credentials_shows_no_secret() {
        let credentials = Credentials::new("id", "key-7f3a").with_security_token("token-91bc");
        let printed = format!(
            "{credentials:?} {credentials:#?} {}",
            credentials.access_key_secret
        );
        assert!(printed.contains("***"));
        assert!(
            !printed.contains("7f3a") && !printed.contains("91bc"),
            "{printed}"
        );
    }
}
