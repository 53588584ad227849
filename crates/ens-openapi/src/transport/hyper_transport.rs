//! HTTP/1.1 over TLS by hyper and rustls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::connector::WithDeadline;
use super::proxy::{MaybeProxied, Proxy};
use super::{Transport, TransportError};

type Connector = WithDeadline<HttpsConnector<MaybeProxied>>;

/// A [`Transport`] with pooled connections.
///
/// A pooled connection that the server has closed meanwhile is replaced by a new one, as long as no byte of the request
/// was written to it; hyper vouches for that. It is the only thing that is ever done twice.
///
/// Certificates are checked by the verifier of the platform, or against the authorities given by
/// [`certificate_authorities`](HyperTransportBuilder::certificate_authorities). The TLS provider (ring) is passed
/// explicitly: nothing global is installed or needed. A proxy is used where
/// [`proxy`](HyperTransportBuilder::proxy) names one. Clones share the pool.
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<Connector, Full<Bytes>>,
    max_answer: usize,
}

impl HyperTransport {
    /// A transport with the defaults.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, TlsError> {
        Self::builder().build()
    }

    /// Starts with the defaults: connecting takes at most 5 s, an answer has at most 8 MiB, an idle connection is
    /// kept for 30 s.
    pub fn builder() -> HyperTransportBuilder {
        HyperTransportBuilder {
            connect_deadline: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            max_answer: 8 * 1024 * 1024,
            authorities: None,
            proxy: None,
        }
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport")
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

/// Builds a [`HyperTransport`].
#[derive(Clone, Debug)]
pub struct HyperTransportBuilder {
    connect_deadline: Duration,
    idle: Duration,
    max_answer: usize,
    authorities: Option<Vec<u8>>,
    proxy: Option<Proxy>,
}

impl HyperTransportBuilder {
    /// The time allowed for name lookup, connecting and the TLS handshake together.
    #[must_use]
    pub fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// How long an unused connection is kept. Keep it below what the server does, or requests meet closed connections.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// The largest answer in bytes.
    #[must_use]
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Trusts these authorities (PEM, one or more certificates) and no others, for an endpoint with a private one.
    #[must_use]
    pub fn certificate_authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Reaches `https://` endpoints through this proxy; see [`Proxy::from_variables`].
    #[must_use]
    pub fn proxy(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn build(self) -> Result<HyperTransport, TlsError> {
        let tls = tls_config(self.authorities.as_deref())?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // http:// is for endpoints that somebody configured so, such as a simulator on this machine.
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(MaybeProxied {
                direct: tcp,
                proxy: self.proxy,
            });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.idle)
            .build(WithDeadline {
                connector: https,
                deadline: self.connect_deadline,
            });
        Ok(HyperTransport {
            client,
            max_answer: self.max_answer,
        })
    }
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The provider does not support the protocol versions.
    #[error("no TLS protocol version")]
    Protocol(#[source] rustls::Error),
    /// The platform's verifier cannot be used.
    #[error("no certificate verifier of the platform")]
    Verifier(#[source] rustls::Error),
    /// The text of the authorities is no PEM.
    #[error("the certificate authorities are not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The text of the authorities holds no certificate.
    #[error("the certificate authorities hold no certificate")]
    NoAuthority,
    /// A certificate of the authorities cannot be used.
    #[error("certificate authority {index} cannot be used")]
    Authority {
        /// Which one, from 1.
        index: usize,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

fn tls_config(authorities: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?;
    let config = match authorities {
        None => config
            .try_with_platform_verifier()
            .map_err(TlsError::Verifier)?,
        Some(pem) => config.with_root_certificates(root_store(pem)?),
    };
    Ok(config.with_no_client_auth())
}

fn root_store(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(TlsError::Pem)?;
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                index: index + 1,
                source,
            })?;
    }
    if roots.is_empty() {
        Err(TlsError::NoAuthority)
    } else {
        Ok(roots)
    }
}

#[async_trait]
impl Transport for HyperTransport {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let response = self
            .client
            .request(request.map(Full::new))
            .await
            .map_err(|error| {
                if error.is_connect() {
                    TransportError::Connect(error.into())
                } else {
                    TransportError::Exchange(error.into())
                }
            })?;
        let (head, body) = response.into_parts();
        let limit = self.max_answer;
        if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(TransportError::TooLarge { limit });
        }
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                TransportError::TooLarge {
                    limit: self.max_answer,
                }
            } else {
                TransportError::Exchange(error)
            }
        })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}
