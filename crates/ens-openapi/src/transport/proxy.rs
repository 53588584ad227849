//! HTTP proxies: TLS connections go through them by CONNECT, so that they see the host and nothing else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tower::Service;

use crate::error::BoxError;

/// A proxy for `https://` endpoints, and the hosts that are reached without it. Endpoints of `http://` are for machines
/// nearby and are always reached directly.
#[derive(Clone)]
pub struct Proxy(Arc<Matcher>);

/// A text that is not the address of a proxy. It may hold a password and is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proxy is not http://[user:password@]host[:port]")]
pub struct ProxyError;

impl Proxy {
    /// A proxy at `http://[user:password@]host[:port]`. `without` lists what is reached directly, separated by commas:
    /// names (with all below them), addresses, networks such as `10.0.0.0/8`, or `*` for everything.
    ///
    /// # Errors
    /// When the address is not one, or asks for another way than HTTP.
    pub fn new(address: &str, without: &str) -> Result<Self, ProxyError> {
        let url = url::Url::parse(address).map_err(|_| ProxyError)?;
        if url.scheme() != "http" || url.host_str().is_none_or(str::is_empty) {
            return Err(ProxyError);
        }
        let matcher = Matcher::builder().https(address.to_owned());
        Ok(Self(Arc::new(matcher.no(without.to_owned()).build())))
    }

    /// The proxy in `HTTPS_PROXY` or `https_proxy`, without what `NO_PROXY` or `no_proxy` lists; `None` where none is
    /// set. An empty variable counts as absent.
    ///
    /// # Errors
    /// When the variable is set and not the address of an HTTP proxy.
    pub fn from_variables(
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let first = |names: [&str; 2]| {
            let mut values = names.into_iter().filter_map(&read);
            values.find(|value| !value.is_empty())
        };
        let Some(address) = first(["HTTPS_PROXY", "https_proxy"]) else {
            return Ok(None);
        };
        let without = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        Self::new(&address, &without).map(Some)
    }
}

impl fmt::Debug for Proxy {
    /// Nothing of the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// Connects through the proxy where there is one for the target, directly otherwise.
#[derive(Clone, Debug)]
pub(super) struct MaybeProxied {
    pub(super) direct: HttpConnector,
    pub(super) proxy: Option<Proxy>,
}

impl Service<Uri> for MaybeProxied {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let intercept = self
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.0.intercept(&target));
        let Some(intercept) = intercept else {
            let connecting = self.direct.call(target);
            return Box::pin(async move { Ok(connecting.await?) });
        };
        let mut tunnel = Tunnel::new(intercept.uri().clone(), self.direct.clone());
        if let Some(authorization) = intercept.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connecting = tunnel.call(target);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Option<Proxy>, ProxyError> {
        Proxy::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn is_proxied(proxy: &Proxy, target: &'static str) -> bool {
        proxy.0.intercept(&Uri::from_static(target)).is_some()
    }

    #[test]
    fn the_environment_names_the_proxy_and_what_goes_without() {
        assert!(from(&[("HTTPS_PROXY", "")]).unwrap().is_none());
        let proxy = from(&[
            ("https_proxy", "http://proxy:3128"),
            ("NO_PROXY", "internal.example,10.0.0.0/8"),
        ]);
        let proxy = proxy.unwrap().unwrap();
        assert!(is_proxied(&proxy, "https://ens.aliyuncs.com"));
        assert!(!is_proxied(&proxy, "https://a.internal.example"));
        assert!(!is_proxied(&proxy, "https://10.1.2.3:8443"));
        assert!(!is_proxied(&proxy, "http://ens.aliyuncs.com"));
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_and_its_password_not_repeated() {
        for address in [
            "socks5://user:hunter2@host",
            "https://user:hunter2@host",
            "user:hunter2@host",
        ] {
            let error = from(&[("HTTPS_PROXY", address)]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let proxy = Proxy::new("http://user:hunter2@host", "").unwrap();
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
