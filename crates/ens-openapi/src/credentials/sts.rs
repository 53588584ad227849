//! Credentials of a RAM role, assumed with other credentials: AssumeRole of STS.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use serde::Deserialize;

use super::io::{CredentialsIo, FetchError, TemporaryAnswer, decode};
use super::{
    Credentials, CredentialsError, FetchCredentials, ProvideCredentials, Secret, Temporary,
};
use crate::params::Params;
use crate::signer::{CanonicalQuery, percent_encode, timestamp, v1};

/// The whole exchange with STS; the official clients allow 5 s to connect and 10 s to read.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
/// Name of the session where none is given. It stands in the cloud's audit log.
pub(super) const SESSION_NAME: &str = "ens-openapi";
/// Seconds that assumed credentials live at least (aliyun/credentials-go, `providers/oidc.go`).
pub(super) const SHORTEST_SECONDS: u32 = 900;
/// The version of the API of STS.
pub(super) const VERSION: &str = "2015-04-01";

/// The host of STS: central, of a region, or of a region within a VPC (aliyun/credentials-go,
/// `providers/ram_role_arn.go`).
pub(super) fn host(region: Option<&str>, is_vpc: bool) -> String {
    match (region, is_vpc) {
        (None, _) => "sts.aliyuncs.com".to_owned(),
        (Some(region), false) => format!("sts.{region}.aliyuncs.com"),
        (Some(region), true) => format!("sts-vpc.{region}.aliyuncs.com"),
    }
}

/// The role to assume.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session_name: String,
    /// Seconds that the credentials live: 900 up to what the role allows.
    pub(super) seconds: u32,
    /// Narrows what the role may do.
    pub(super) policy: Option<String>,
    /// What the owner of the role asks for, against a confused deputy.
    pub(super) external_id: Option<String>,
    pub(super) host: String,
}

impl Role {
    fn form(&self) -> Params {
        let mut form = Params::new()
            .with("DurationSeconds", &self.seconds)
            .with("RoleArn", &self.arn)
            .with("RoleSessionName", &self.session_name);
        if let Some(policy) = &self.policy {
            form.set("Policy", policy);
        }
        if let Some(id) = &self.external_id {
            form.set("ExternalId", id);
        }
        form
    }
}

/// Assumes a role by a request that is signed (V1) with the credentials of `base`.
#[derive(Clone, Debug)]
pub(super) struct AssumeRoleSource {
    pub(super) io: CredentialsIo,
    pub(super) base: Arc<dyn ProvideCredentials>,
    pub(super) role: Role,
}

impl AssumeRoleSource {
    fn request(&self, credentials: &Credentials) -> Result<http::Request<Bytes>, FetchError> {
        let (nonce, timestamp) = (self.io.context.nonce(), timestamp(self.io.context.now()));
        let mut query = vec![
            ("AccessKeyId", credentials.access_key_id.as_str()),
            ("Action", "AssumeRole"),
            ("Format", "JSON"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", &nonce),
            ("SignatureVersion", "1.0"),
            ("Timestamp", &timestamp),
            ("Version", VERSION),
        ];
        if let Some(token) = &credentials.security_token {
            query.push(("SecurityToken", token.expose()));
        }
        let form = self.role.form();
        // Query and form are signed together.
        let signed = CanonicalQuery::new(query.iter().copied().chain(form.iter()));
        let signature = v1::StringToSign::new("POST", &signed).sign(&credentials.access_key_secret);
        // It holds the token of those credentials, where they have one.
        let uri = Secret::new(format!(
            "https://{}/?{}&Signature={}",
            self.role.host,
            CanonicalQuery::new(query),
            percent_encode(&signature)
        ));
        let uri = http::Uri::from_maybe_shared(uri.into_bytes()).map_err(http::Error::from)?;
        Ok(http::Request::post(uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT_ENCODING, "identity")
            .body(Bytes::from(CanonicalQuery::new(&form).to_string()))?)
    }

    async fn assume(&self, credentials: &Credentials) -> Result<Temporary, FetchError> {
        let request = self.request(credentials)?;
        let body = self.io.exchange(request, DEADLINE).await?;
        Ok(decode::<Answer>(&body)?.credentials.into())
    }
}

/// What the actions of STS answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    pub(super) credentials: TemporaryAnswer,
}

#[async_trait]
impl FetchCredentials for AssumeRoleSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        let credentials = self.base.credentials().await?;
        self.assume(&credentials)
            .await
            .map_err(|error| error.of(format!("AssumeRole for {}", self.role.arn)))
    }
}
