//! Credentials of a RAM role for a Kubernetes service account (RRSA): AssumeRoleWithOIDC of STS.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use serde::Deserialize;

use super::io::{CredentialsIo, FetchError, TemporaryAnswer, decode};
use super::{CredentialsError, FetchCredentials, Secret, Temporary};
use crate::params::Params;
use crate::signer::{CanonicalQuery, timestamp};

/// The whole exchange with STS; the official clients allow 5 s to connect and 10 s to read.
const DEADLINE: Duration = Duration::from_secs(15);

/// Exchanges a service account's token for credentials of a RAM role. The token file is read at every fetch, as it is
/// replaced while the pod lives. The request is not signed: the token is the proof.
///
/// Names and rules are those of aliyun/credentials-go, `providers/oidc.go`.
#[derive(Clone, Debug)]
pub struct OidcSource {
    io: CredentialsIo,
    token_file: PathBuf,
    provider_arn: String,
    role_arn: String,
    session_name: String,
    host: String,
}

impl OidcSource {
    /// From `ALIBABA_CLOUD_OIDC_TOKEN_FILE`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and `ALIBABA_CLOUD_ROLE_ARN`, all of
    /// which have to be set; `None` when one is not. Optional: `ALIBABA_CLOUD_ROLE_SESSION_NAME`,
    /// `ALIBABA_CLOUD_STS_REGION`, `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED`.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        let host = match (
            io.variable("ALIBABA_CLOUD_STS_REGION"),
            io.is_set("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"),
        ) {
            (None, _) => "sts.aliyuncs.com".to_owned(),
            (Some(region), false) => format!("sts.{region}.aliyuncs.com"),
            (Some(region), true) => format!("sts-vpc.{region}.aliyuncs.com"),
        };
        let session_name = io.variable("ALIBABA_CLOUD_ROLE_SESSION_NAME");
        Some(Self {
            token_file: io.variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE")?.into(),
            provider_arn: io.variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")?,
            role_arn: io.variable("ALIBABA_CLOUD_ROLE_ARN")?,
            session_name: session_name.unwrap_or_else(|| "ens-openapi".to_owned()),
            host,
            io: io.clone(),
        })
    }

    fn request(&self, token: &Secret) -> Result<http::Request<Bytes>, FetchError> {
        let query = Params::new()
            .with("Action", "AssumeRoleWithOIDC")
            .with("Format", "JSON")
            .with("Timestamp", &timestamp(self.io.context.now()))
            .with("Version", "2015-04-01");
        let form = CanonicalQuery::new([
            ("DurationSeconds", "3600"),
            ("OIDCProviderArn", self.provider_arn.as_str()),
            ("OIDCToken", token.expose()),
            ("RoleArn", self.role_arn.as_str()),
            ("RoleSessionName", self.session_name.as_str()),
        ]);
        Ok(http::Request::post(format!(
            "https://{}/?{}",
            self.host,
            CanonicalQuery::new(&query)
        ))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT_ENCODING, "identity")
        .body(Bytes::from(form.to_string()))?)
    }

    async fn assume_role(&self) -> Result<Temporary, FetchError> {
        let token = self.io.file(&self.token_file)?;
        let token = String::from_utf8(token).map_err(|_| {
            FetchError::Content(format!("file {} is not text", self.token_file.display()))
        })?;
        let body = self
            .io
            .exchange(self.request(&Secret::new(token))?, DEADLINE)
            .await?;
        Ok(decode::<Answer>(&body)?.credentials.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    credentials: TemporaryAnswer,
}

#[async_trait]
impl FetchCredentials for OidcSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        self.assume_role()
            .await
            .map_err(|error| error.of(format!("AssumeRoleWithOIDC for {}", self.role_arn)))
    }
}
