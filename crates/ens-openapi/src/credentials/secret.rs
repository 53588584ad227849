//! A text that cannot be printed.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text. It prints as `***`, cannot be compared or serialized, and its memory is overwritten when it is
/// dropped.
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

#[cfg(test)]
mod tests {
    use crate::credentials::Credentials;

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
