//! Credentials in the configuration file of the Alibaba Cloud CLI.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::io::{CredentialsIo, FetchError, decode};
use super::{Credentials, CredentialsError, ProvideCredentials};

/// Reads `~/.aliyun/config.json`, or the file in `ALIBABA_CLOUD_CONFIG_FILE`, at every use
/// (aliyun/credentials-go, `providers/cli_profile.go`).
///
/// Of the modes of a profile, `AK` and `StsToken` are known; another one is an error that names it.
#[derive(Clone, Debug)]
pub struct CliProfileCredentials {
    io: CredentialsIo,
    path: PathBuf,
    profile: Option<String>,
}

impl CliProfileCredentials {
    /// The profile in `ALIBABA_CLOUD_PROFILE`, or the file's current one. `None` when
    /// `ALIBABA_CLOUD_CLI_PROFILE_DISABLED` is true, or there is neither a file nor a home directory named.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        if io.is_set("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
            return None;
        }
        let in_home = || Some(PathBuf::from(io.variable("HOME")?).join(".aliyun/config.json"));
        let path = io
            .variable("ALIBABA_CLOUD_CONFIG_FILE")
            .map(PathBuf::from)
            .or_else(in_home)?;
        Some(Self {
            path,
            profile: io.variable("ALIBABA_CLOUD_PROFILE"),
            io: io.clone(),
        })
    }

    fn read(&self) -> Result<Credentials, FetchError> {
        let config: Config = decode(&self.io.file(&self.path)?)?;
        let name = self.profile.clone().unwrap_or(config.current);
        let place = format!("profile \"{name}\" in {}", self.path.display());
        let wrong = |problem: &str| FetchError::Content(format!("{place} {problem}"));
        let profile = config
            .profiles
            .into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| wrong("does not exist"))?;
        if profile.access_key_id.is_empty() || profile.access_key_secret.is_empty() {
            return Err(wrong("has no access_key_id or no access_key_secret"));
        }
        let credentials = Credentials::new(profile.access_key_id, profile.access_key_secret);
        match profile.mode.as_str() {
            "AK" => Ok(credentials),
            "StsToken" if profile.sts_token.is_empty() => Err(wrong("has no sts_token")),
            "StsToken" => Ok(credentials.with_security_token(profile.sts_token)),
            mode => Err(wrong(&format!(
                "has mode \"{mode}\"; AK and StsToken are known"
            ))),
        }
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: String,
    sts_token: String,
}

#[async_trait]
impl ProvideCredentials for CliProfileCredentials {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.read()
            .map(Arc::new)
            .map_err(|error| error.of("the profile of the Alibaba Cloud CLI"))
    }
}
