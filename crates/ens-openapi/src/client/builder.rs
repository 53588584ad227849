//! Building a client.

use std::fmt;
use std::sync::Arc;

use tower::ServiceBuilder;

use super::{Client, Deadlines, Endpoint, EndpointError};
use crate::action::{API_VERSION, Action};
use crate::context::Context;
use crate::credentials::ProvideCredentials;
use crate::layer::{
    Attempt, BeforeSend, BeforeSendLayer, Exchange, ObserveLayer, Observer, RateLimitLayer,
    Refused, RetryLayer, RetryPolicy, SignLayer, SignatureMethod, USER_AGENT_NAME,
};
use crate::rate_limit::RateLimiter;
use crate::transport::{HyperTransport, TlsError, Transport};

/// Builds a [`Client`] of the usual [layers](crate::layer).
pub struct ClientBuilder {
    credentials: Arc<dyn ProvideCredentials>,
    version: &'static str,
    default_endpoint: Endpoint,
    endpoint: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    context: Context,
    signature: SignatureMethod,
    retry: RetryPolicy,
    deadlines: Deadlines,
    before_send: Option<Arc<BeforeSend>>,
    rate_limiter: Option<Arc<RateLimiter>>,
    observer: Option<Arc<Observer>>,
    user_agent_suffix: Option<String>,
}

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The endpoint is not one.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The default transport could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] TlsError),
    /// The user agent has characters that a header cannot carry.
    #[error("user agent \"{0}\": only printable ASCII is allowed")]
    UserAgent(String),
}

impl ClientBuilder {
    pub(super) fn new(credentials: Arc<dyn ProvideCredentials>) -> Self {
        Self {
            credentials,
            version: API_VERSION,
            default_endpoint: Endpoint::default(),
            endpoint: None,
            transport: None,
            context: Context::system(),
            signature: SignatureMethod::default(),
            retry: RetryPolicy::default(),
            deadlines: Deadlines::default(),
            before_send: None,
            rate_limiter: None,
            observer: None,
            user_agent_suffix: None,
        }
    }

    /// Another API of the cloud than ENS.
    pub(crate) fn api(mut self, version: &'static str, default_endpoint: Endpoint) -> Self {
        self.version = version;
        self.default_endpoint = default_endpoint;
        self
    }

    /// Where calls go: a host, `http(s)://host[:port]`, or an [`Endpoint`] of a region.
    /// [`DEFAULT_ENDPOINT`](super::DEFAULT_ENDPOINT) when not set.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// How exchanges are done; a [`HyperTransport`] with its defaults when not set.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Where time and randomness come from; the machine's when not set.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// How requests are signed.
    #[must_use]
    pub fn signature(mut self, method: SignatureMethod) -> Self {
        self.signature = method;
        self
    }

    /// How calls are repeated.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long things may take.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// A check before every try; see [`BeforeSend`].
    #[must_use]
    pub fn before_send(
        mut self,
        check: impl Fn(&Action) -> Result<(), Refused> + Send + Sync + 'static,
    ) -> Self {
        self.before_send = Some(Arc::new(check));
        self
    }

    /// Limits calls per second. Give clients of one account one limiter; without it nothing is limited.
    #[must_use]
    pub fn rate_limiter(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.rate_limiter = Some(limiter);
        self
    }

    /// Tells of every try that was begun; see [`Observer`].
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Attempt<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Names the program behind `ens-openapi/<version>` in the User-Agent header, such as `my-controller/1.2`.
    #[must_use]
    pub fn user_agent_suffix(mut self, program: impl Into<String>) -> Self {
        self.user_agent_suffix = Some(program.into());
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the endpoint or the user agent is malformed, or TLS cannot be set up.
    pub fn build(self) -> Result<Client, BuildError> {
        let endpoint = match self.endpoint {
            Some(text) => text.parse()?,
            None => self.default_endpoint,
        };
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HyperTransport::new()?),
        };
        let mut user_agent = USER_AGENT_NAME.to_owned();
        if let Some(program) = self.user_agent_suffix {
            user_agent = format!("{user_agent} {program}");
        }
        let user_agent = user_agent
            .parse()
            .map_err(|_| BuildError::UserAgent(user_agent))?;
        let Deadlines { attempt, read } = self.deadlines;
        let retry = RetryLayer::new(self.retry, read).context(self.context.clone());
        let sign = SignLayer::shared(self.credentials)
            .credentials_deadline(attempt)
            .endpoint(endpoint)
            .version(self.version)
            .context(self.context)
            .method(self.signature)
            .user_agent(user_agent);
        let service = ServiceBuilder::new()
            .layer(retry)
            .option_layer(self.rate_limiter.map(RateLimitLayer::new))
            .option_layer(self.observer.map(ObserveLayer::new))
            .layer(sign)
            .option_layer(self.before_send.map(BeforeSendLayer::new))
            .service(Exchange::shared(transport, attempt));
        Ok(Client::from_service(service))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
