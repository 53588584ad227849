//! Credentials from a server of one's own.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::io::{CredentialsIo, FetchError, TemporaryAnswer, decode};
use super::{CredentialsError, FetchCredentials, Secret, Temporary};

/// The whole exchange; the official clients allow 5 s to connect and 10 s to read.
const DEADLINE: Duration = Duration::from_secs(15);

/// Gets the address in `ALIBABA_CLOUD_CREDENTIALS_URI`; the answer is JSON with AccessKeyId, AccessKeySecret,
/// SecurityToken and Expiration (aliyun/credentials-go, `providers/uri.go`).
#[derive(Clone, Debug)]
pub struct UriSource {
    io: CredentialsIo,
    /// It may hold a password or a token.
    uri: Secret,
}

impl UriSource {
    /// From the variable; `None` when it is not set.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        Some(Self {
            uri: Secret::new(io.variable("ALIBABA_CLOUD_CREDENTIALS_URI")?),
            io: io.clone(),
        })
    }

    async fn get(&self) -> Result<Temporary, FetchError> {
        let uri = http::Uri::from_maybe_shared(self.uri.clone().into_bytes());
        let uri = uri.map_err(http::Error::from)?;
        let request = http::Request::get(uri).body(Bytes::new())?;
        Ok(decode::<TemporaryAnswer>(&self.io.exchange(request, DEADLINE).await?)?.into())
    }
}

#[async_trait]
impl FetchCredentials for UriSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        // The address is not named: it may hold a password.
        self.get()
            .await
            .map_err(|error| error.of("the server in ALIBABA_CLOUD_CREDENTIALS_URI"))
    }
}
