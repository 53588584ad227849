//! Credentials of the RAM role of an ECS instance, from its metadata service.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::io::{CredentialsIo, FetchError, decode};
use super::secret::{SecretBytes, optional_secret};
use super::{Credentials, CredentialsError, FetchCredentials, Secret, Temporary};

const METADATA: &str = "http://100.100.100.200/latest";
/// One exchange. Where there is no metadata service, as on edge nodes is to be expected, it has to fail fast.
const DEADLINE: Duration = Duration::from_secs(2);

/// Asks the metadata service of an ECS instance (aliyun/credentials-go, `providers/ecs_ram_role.go`).
#[derive(Clone, Debug)]
pub struct EcsRoleSource {
    io: CredentialsIo,
    role: Option<String>,
    needs_token: bool,
}

impl EcsRoleSource {
    /// With the role in `ALIBABA_CLOUD_ECS_METADATA`, or the one that the service names. `None` when
    /// `ALIBABA_CLOUD_ECS_METADATA_DISABLED` is true; `ALIBABA_CLOUD_IMDSV1_DISABLED` forbids asking without a session
    /// token.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        (!io.is_set("ALIBABA_CLOUD_ECS_METADATA_DISABLED"))
            .then(|| Self::of_role(io, io.variable("ALIBABA_CLOUD_ECS_METADATA")))
    }

    /// With this role, or the one that the service names. `ALIBABA_CLOUD_IMDSV1_DISABLED` counts here too.
    pub(super) fn of_role(io: &CredentialsIo, role: Option<String>) -> Self {
        Self {
            role,
            needs_token: io.is_set("ALIBABA_CLOUD_IMDSV1_DISABLED"),
            io: io.clone(),
        }
    }

    async fn session_token(&self) -> Result<Secret, FetchError> {
        let request = http::Request::put(format!("{METADATA}/api/token"))
            .header("x-aliyun-ecs-metadata-token-ttl-seconds", "21600")
            .header(http::header::CONTENT_LENGTH, "0")
            .body(Bytes::new())?;
        let body = self.io.exchange(request, DEADLINE).await?;
        Ok(body.trimmed())
    }

    async fn get(&self, path: &str, session: Option<&Secret>) -> Result<SecretBytes, FetchError> {
        let mut request = http::Request::get(format!(
            "{METADATA}/meta-data/ram/security-credentials/{path}"
        ));
        if let Some(session) = session {
            let session = session.header().map_err(http::Error::from)?;
            request = request.header("x-aliyun-ecs-metadata-token", session);
        }
        self.io
            .exchange(request.body(Bytes::new())?, DEADLINE)
            .await
    }

    async fn ask(&self) -> Result<Temporary, FetchError> {
        let session = match self.session_token().await {
            Ok(session) => Some(session),
            Err(error) if self.needs_token => return Err(error),
            // Older services know no tokens; a service that is not there at all fails at the next step.
            Err(_) => None,
        };
        let role = if let Some(role) = &self.role {
            role.clone()
        } else {
            let answer = self.get("", session.as_ref()).await?;
            answer.trimmed().expose().to_owned()
        };
        let body = self.get(&role, session.as_ref()).await?;
        match decode::<Answer>(&body)? {
            Answer {
                code,
                access_key_id: Some(access_key_id),
                access_key_secret: Some(access_key_secret),
                security_token: Some(security_token),
                expiration: Some(expires_at),
            } if code == "Success" => Ok(Temporary {
                credentials: Credentials {
                    access_key_id,
                    access_key_secret,
                    security_token: Some(security_token),
                },
                expires_at,
            }),
            Answer { code, .. } if code == "Success" => Err(FetchError::Content(format!(
                "the metadata service gives no whole credentials for role {role}"
            ))),
            Answer { code, .. } => Err(FetchError::Content(format!(
                "the metadata service says {code} for role {role}"
            ))),
        }
    }
}

/// Where the code is not "Success", the rest may be absent. It is not the common answer flattened: that would be kept
/// aside in plain texts on the way.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    code: String,
    access_key_id: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    access_key_secret: Option<Secret>,
    #[serde(default, deserialize_with = "optional_secret")]
    security_token: Option<Secret>,
    expiration: Option<DateTime<Utc>>,
}

#[async_trait]
impl FetchCredentials for EcsRoleSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        self.ask()
            .await
            .map_err(|error| error.of("the ECS metadata service"))
    }
}
