//! Where calls go.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The public endpoint of most regions (endpoint table of alibabacloud-go/ens-20171110 and aliyun-openapi-meta,
/// `products.json`). The edge site is a parameter of each call and not part of the host.
pub const DEFAULT_ENDPOINT: &str = "ens.aliyuncs.com";

/// An endpoint: `https` unless said otherwise, a host, a port where it is not the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    authority: String,
}

impl Endpoint {
    /// `https` or `http`.
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// Host, and port where it is not the scheme's own: the value of the Host header, which is signed.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl Default for Endpoint {
    /// [`DEFAULT_ENDPOINT`] over https.
    fn default() -> Self {
        Self {
            scheme: "https",
            authority: DEFAULT_ENDPOINT.to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// A text that is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "endpoint \"{text}\": {problem}; wanted is a host such as {DEFAULT_ENDPOINT}, or http(s)://host[:port]"
)]
pub struct EndpointError {
    text: String,
    problem: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = |problem: &str| EndpointError {
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let url = Url::parse(&with_scheme).map_err(|error| wrong(&error.to_string()))?;
        let scheme = match url.scheme() {
            "https" => "https",
            "http" => "http",
            _ => return Err(wrong("the scheme is neither http nor https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            // Not repeated in the message: it may be a password.
            return Err(EndpointError {
                text: "***".to_owned(),
                problem: "it has a user name or a password".to_owned(),
            });
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a path, a query or a fragment"));
        }
        let host = match url.host() {
            Some(Host::Domain("")) | None => return Err(wrong("it has no host")),
            Some(host) => host.to_string(),
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        Ok(Self { scheme, authority })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Endpoint>().unwrap().to_string()
    }

    #[test]
    fn a_bare_host_means_https() {
        assert_eq!(parsed("ens.aliyuncs.com"), "https://ens.aliyuncs.com");
        assert_eq!(Endpoint::default(), DEFAULT_ENDPOINT.parse().unwrap());
    }

    #[test]
    fn the_port_is_part_of_the_signed_host_only_where_it_is_not_the_default() {
        assert_eq!(parsed("http://127.0.0.1:8080/"), "http://127.0.0.1:8080");
        assert_eq!(
            parsed("https://ens.aliyuncs.com:443"),
            "https://ens.aliyuncs.com"
        );
        assert_eq!(parsed("[::1]:8443"), "https://[::1]:8443");
        assert_eq!(parsed("localhost:8080"), "https://localhost:8080");
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused_by_name() {
        for text in [
            "",
            "ftp://host",
            "https://host/path",
            "https://host?x=1",
            "https://",
            "a b",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("\"{text}\"")) && error.contains(DEFAULT_ENDPOINT),
                "{error}"
            );
        }
    }

    #[test]
    fn a_password_in_an_endpoint_is_not_repeated_in_the_error() {
        let error = "https://user:hunter2@host".parse::<Endpoint>().unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_stable(text in any::<String>()) {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }
    }
}
