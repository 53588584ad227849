//! Credentials of the RAM role of an ECS instance, from its metadata service.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::io::{CredentialsIo, FetchError, TemporaryAnswer, decode};
use super::{CredentialsError, FetchCredentials, Secret, Temporary};

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
        Ok(Secret::new(String::from_utf8_lossy(&body).trim()))
    }

    async fn get(&self, path: &str, session: Option<&Secret>) -> Result<Bytes, FetchError> {
        let mut request = http::Request::get(format!(
            "{METADATA}/meta-data/ram/security-credentials/{path}"
        ));
        if let Some(session) = session {
            request = request.header("x-aliyun-ecs-metadata-token", session.expose());
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
        let role = match &self.role {
            Some(role) => role.clone(),
            None => String::from_utf8_lossy(&self.get("", session.as_ref()).await?)
                .trim()
                .to_owned(),
        };
        let body = self.get(&role, session.as_ref()).await?;
        match decode::<Answer>(&body)? {
            Answer {
                code,
                credentials: Some(credentials),
            } if code == "Success" => Ok(credentials.into()),
            Answer { code, .. } => Err(FetchError::Content(format!(
                "the metadata service says {code} for role {role}"
            ))),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Code")]
    code: String,
    #[serde(flatten)]
    credentials: Option<TemporaryAnswer>,
}

#[async_trait]
impl FetchCredentials for EcsRoleSource {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        self.ask()
            .await
            .map_err(|error| error.of("the ECS metadata service"))
    }
}
