//! Credentials of a RAM role for a Kubernetes service account (RRSA): AssumeRoleWithOIDC of STS.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};

use super::io::{CredentialsIo, FetchError, decode};
use super::sts::{self, Answer, DEADLINE, Role};
use super::{CredentialsError, FetchCredentials, Secret, Temporary};
use crate::params::Params;
use crate::signer::{CanonicalQuery, timestamp};

/// Exchanges a service account's token for credentials of a RAM role. The token file is read at every fetch, as it is
/// replaced while the pod lives. The request is not signed: the token is the proof.
///
/// Names and rules are those of aliyun/credentials-go, `providers/oidc.go`.
#[derive(Clone, Debug)]
pub struct OidcSource {
    io: CredentialsIo,
    token_file: PathBuf,
    provider_arn: String,
    role: Role,
}

impl OidcSource {
    /// From `ALIBABA_CLOUD_OIDC_TOKEN_FILE`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and `ALIBABA_CLOUD_ROLE_ARN`, all of
    /// which have to be set; `None` when one is not. Optional: `ALIBABA_CLOUD_ROLE_SESSION_NAME`,
    /// `ALIBABA_CLOUD_STS_REGION`, `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED`.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        let region = io.variable("ALIBABA_CLOUD_STS_REGION");
        let is_vpc = io.is_set("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
        let session_name = io.variable("ALIBABA_CLOUD_ROLE_SESSION_NAME");
        Some(Self::new(
            io,
            io.variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE")?.into(),
            io.variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")?,
            Role {
                arn: io.variable("ALIBABA_CLOUD_ROLE_ARN")?,
                session_name: session_name.unwrap_or_else(|| sts::SESSION_NAME.to_owned()),
                seconds: 3600,
                policy: None,
                external_id: None,
                host: sts::host(region.as_deref(), is_vpc),
            },
        ))
    }

    pub(super) fn new(
        io: &CredentialsIo,
        token_file: PathBuf,
        provider_arn: String,
        role: Role,
    ) -> Self {
        Self {
            io: io.clone(),
            token_file,
            provider_arn,
            role,
        }
    }

    fn request(&self, token: &Secret) -> Result<http::Request<Bytes>, FetchError> {
        let query = Params::new()
            .with("Action", "AssumeRoleWithOIDC")
            .with("Format", "JSON")
            .with("Timestamp", &timestamp(self.io.context.now()))
            .with("Version", sts::VERSION);
        let seconds = self.role.seconds.to_string();
        let mut form = vec![
            ("DurationSeconds", seconds.as_str()),
            ("OIDCProviderArn", self.provider_arn.as_str()),
            ("OIDCToken", token.expose()),
            ("RoleArn", self.role.arn.as_str()),
            ("RoleSessionName", self.role.session_name.as_str()),
        ];
        if let Some(policy) = &self.role.policy {
            form.push(("Policy", policy));
        }
        let form = CanonicalQuery::new(form);
        Ok(http::Request::post(format!(
            "https://{}/?{}",
            self.role.host,
            CanonicalQuery::new(&query)
        ))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT_ENCODING, "identity")
        .body(form.into_secret().into_bytes())?)
    }

    async fn assume_role(&self) -> Result<Temporary, FetchError> {
        let token = self.io.file(&self.token_file)?;
        let token = str::from_utf8(&token).map_err(|_| {
            FetchError::Content(format!("file {} is not text", self.token_file.display()))
        })?;
        let request = self.request(&Secret::new(token))?;
        let body = self.io.exchange(request, DEADLINE).await?;
        Ok(decode::<Answer>(&body)?.credentials.into())
    }
}

#[async_trait]
impl FetchCredentials for OidcSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        self.assume_role()
            .await
            .map_err(|error| error.of(format!("AssumeRoleWithOIDC for {}", self.role.arn)))
    }
}
