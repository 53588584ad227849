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

/// Regions that share [`DEFAULT_ENDPOINT`] (endpoint map of the Python SDK `alibabacloud-ens20171110` 12.1.0 and
/// aliyun-openapi-meta, `en-US/products.json`).
const CENTRAL: [&str; 7] = [
    "cn-beijing",
    "cn-chengdu",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-shanghai",
    "cn-wulanchabu",
    "cn-zhangjiakou",
];

/// Endpoints within a VPC that are published (aliyun-openapi-meta, `en-US/products.json`).
const VPC: [(&str, &str); 3] = [
    ("ap-southeast-1", "ens-vpc.ap-southeast-1.aliyuncs.com"),
    ("cn-shanghai", "ens.vpc-proxy.aliyuncs.com"),
    ("cn-zhangjiakou", "ens-vpc.cn-zhangjiakou.aliyuncs.com"),
];

impl Endpoint {
    /// The public endpoint of a region of the cloud. That is a region such as `cn-shanghai`, where the API stands, and not
    /// an edge site, which is a parameter of each call.
    ///
    /// Regions that are not in the published table get `ens.<region>.aliyuncs.com`, the rule of the official SDKs.
    ///
    /// ```
    /// use ens_openapi::client::Endpoint;
    ///
    /// assert_eq!(Endpoint::public("cn-shanghai")?.authority(), "ens.aliyuncs.com");
    /// assert_eq!(Endpoint::public("ap-southeast-1")?.authority(), "ens.ap-southeast-1.aliyuncs.com");
    /// # Ok::<(), ens_openapi::client::RegionError>(())
    /// ```
    ///
    /// # Errors
    /// When the text cannot be a region.
    pub fn public(region: &str) -> Result<Self, RegionError> {
        let region = check(region)?;
        if CENTRAL.contains(&region) {
            return Ok(Self::default());
        }
        Ok(Self::https(format!("ens.{region}.aliyuncs.com")))
    }

    /// The endpoint of a region that is reached from within its VPC. Only three regions have one; from the other ones the
    /// public endpoint is called.
    ///
    /// # Errors
    /// When the region has none.
    pub fn vpc(region: &str) -> Result<Self, RegionError> {
        let region = check(region)?;
        let found = VPC.iter().find(|(known, _)| *known == region);
        let (_, host) = found.ok_or_else(|| RegionError::NoVpcEndpoint(region.to_owned()))?;
        Ok(Self::https((*host).to_owned()))
    }

    /// A host over https.
    pub(crate) fn https(host: String) -> Self {
        Self {
            scheme: "https",
            authority: host,
        }
    }

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
        Self::https(DEFAULT_ENDPOINT.to_owned())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

/// A region without the endpoint that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The text cannot be a region.
    #[error(
        "region {0:?}: wanted is one such as cn-shanghai, of letters a to z, digits and dashes"
    )]
    NotARegion(String),
    /// The region has no endpoint within a VPC.
    #[error(
        "region {0} has no endpoint within a VPC; those that do: {known}; the public endpoint serves it as well",
        known = VPC.map(|(region, _)| region).join(", ")
    )]
    NoVpcEndpoint(String),
}

/// A region becomes a part of a host name: nothing else may come along.
fn check(region: &str) -> Result<&str, RegionError> {
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_region = !region.is_empty()
        && region.len() <= 63
        && region.bytes().all(is_label)
        && !region.starts_with('-')
        && !region.ends_with('-');
    is_region
        .then_some(region)
        .ok_or_else(|| RegionError::NotARegion(region.to_owned()))
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
    fn every_row_of_the_published_table_gives_its_host() {
        for (region, public, vpc) in [
            ("cn-beijing", "ens.aliyuncs.com", None),
            ("cn-chengdu", "ens.aliyuncs.com", None),
            ("cn-hangzhou", "ens.aliyuncs.com", None),
            ("cn-heyuan", "ens.aliyuncs.com", None),
            (
                "cn-shanghai",
                "ens.aliyuncs.com",
                Some("ens.vpc-proxy.aliyuncs.com"),
            ),
            ("cn-wulanchabu", "ens.aliyuncs.com", None),
            (
                "cn-zhangjiakou",
                "ens.aliyuncs.com",
                Some("ens-vpc.cn-zhangjiakou.aliyuncs.com"),
            ),
            (
                "ap-southeast-1",
                "ens.ap-southeast-1.aliyuncs.com",
                Some("ens-vpc.ap-southeast-1.aliyuncs.com"),
            ),
            // Not in the table: the rule of the official SDKs.
            ("eu-central-1", "ens.eu-central-1.aliyuncs.com", None),
        ] {
            let endpoint = Endpoint::public(region).unwrap();
            assert_eq!(endpoint.to_string(), format!("https://{public}"));
            match (Endpoint::vpc(region), vpc) {
                (Ok(endpoint), Some(host)) => assert_eq!(endpoint.authority(), host),
                (Err(error), None) => assert!(error.to_string().contains(
                    "those that do: ap-southeast-1, cn-shanghai, cn-zhangjiakou; the public endpoint"
                )),
                other => panic!("{region}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_region_brings_nothing_but_its_name_into_a_host() {
        for text in [
            "",
            "a.b",
            "-a",
            "a-",
            "CN-SHANGHAI",
            "evil.com/",
            "a b",
            "a@b",
        ] {
            for error in [Endpoint::public(text), Endpoint::vpc(text)] {
                let error = error.unwrap_err();
                assert_eq!(error, RegionError::NotARegion(text.to_owned()));
                assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
            }
        }
    }

    #[test]
    fn an_endpoint_of_a_region_goes_into_a_builder_as_a_text_does() {
        let text = String::from(Endpoint::vpc("cn-shanghai").unwrap());
        assert_eq!(parsed(&text), "https://ens.vpc-proxy.aliyuncs.com");
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
