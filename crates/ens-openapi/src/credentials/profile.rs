//! Credentials in the configuration file of the Alibaba Cloud CLI.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::followed::{FollowedFile, Source};
use super::io::{CredentialsIo, FetchError, decode};
use super::secret::secret;
use super::sts::{self, AssumeRoleSource, Role};
use super::{
    Credentials, CredentialsError, EcsRoleSource, FetchCredentials, OidcSource, ProvideCredentials,
    RefreshingCredentials, Secret, StaticCredentials,
};

/// Reads `~/.aliyun/config.json`, or the file in `ALIBABA_CLOUD_CONFIG_FILE`, at every use, and follows it when it
/// changes (aliyun/credentials-go, `providers/cli_profile.go`).
///
/// Of the modes of a profile, `AK`, `StsToken`, `RamRoleArn`, `ChainableRamRoleArn`, `EcsRamRole` and `OIDC` are known;
/// those that need a browser or another program (`CloudSSO`, `OAuth`, `External`) are an error that names them. A role
/// that the profile does not name is the one in `ALIBABA_CLOUD_ROLE_ARN` and `ALIBABA_CLOUD_ROLE_SESSION_NAME`.
#[derive(Debug)]
pub struct CliProfileCredentials {
    file: FollowedFile,
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
            file: FollowedFile::new(io.clone(), path),
            profile: io.variable("ALIBABA_CLOUD_PROFILE"),
        })
    }

    fn source(&self, content: &[u8]) -> Result<Source, FetchError> {
        let config: Config = decode(content)?;
        let name = self.profile.as_ref().unwrap_or(&config.current);
        self.source_of(&config, name, &mut Vec::new())
    }

    /// The source that a profile says. `above` names the profiles that led to it.
    fn source_of<'a>(
        &self,
        config: &'a Config,
        name: &'a str,
        above: &mut Vec<&'a str>,
    ) -> Result<Source, FetchError> {
        let place = format!("profile \"{name}\" in {}", self.file.path().display());
        let wrong = |problem: fmt::Arguments<'_>| FetchError::Content(format!("{place} {problem}"));
        if above.contains(&name) {
            return Err(wrong(format_args!("is a source_profile of itself")));
        }
        above.push(name);
        let profile = config
            .profiles
            .iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| wrong(format_args!("does not exist")))?;
        let needed = |key: &str, value: &str| {
            if value.is_empty() {
                Err(wrong(format_args!("has no {key}")))
            } else {
                Ok(value.to_owned())
            }
        };
        let pair = || -> Result<Credentials, FetchError> {
            Ok(Credentials::new(
                needed("access_key_id", &profile.access_key_id)?,
                needed("access_key_secret", profile.access_key_secret.expose())?,
            ))
        };
        let role = || -> Result<Role, FetchError> {
            let role = profile.role(&self.file.io);
            needed("ram_role_arn", &role.arn)?;
            if role.seconds < sts::SHORTEST_SECONDS {
                return Err(wrong(format_args!(
                    "has expired_seconds {}; at least {} is allowed",
                    role.seconds,
                    sts::SHORTEST_SECONDS
                )));
            }
            Ok(role)
        };
        let assume = |base: Source| -> Result<Source, FetchError> {
            Ok(self.refreshing(AssumeRoleSource {
                io: self.file.io.clone(),
                base,
                role: role()?,
            }))
        };
        match profile.mode.as_str() {
            "AK" => Ok(fixed(pair()?)),
            "StsToken" => {
                let token = needed("sts_token", profile.sts_token.expose())?;
                Ok(fixed(pair()?.with_security_token(token)))
            }
            "RamRoleArn" => assume(fixed(match optional(profile.sts_token.expose()) {
                Some(token) => pair()?.with_security_token(token),
                None => pair()?,
            })),
            "ChainableRamRoleArn" => {
                needed("source_profile", &profile.assumed_by)?;
                assume(self.source_of(config, &profile.assumed_by, above)?)
            }
            "EcsRamRole" => Ok(self.refreshing(EcsRoleSource::of_role(
                &self.file.io,
                optional(&profile.ram_role_name),
            ))),
            "OIDC" => Ok(self.refreshing(OidcSource::new(
                &self.file.io,
                needed("oidc_token_file", &profile.oidc_token_file)?.into(),
                needed("oidc_provider_arn", &profile.oidc_provider_arn)?,
                role()?,
            ))),
            mode => Err(wrong(format_args!(
                "has mode \"{mode}\"; AK, StsToken, RamRoleArn, ChainableRamRoleArn, EcsRamRole and OIDC are known"
            ))),
        }
    }

    fn refreshing(&self, source: impl FetchCredentials + 'static) -> Source {
        let context = self.file.io.context.clone();
        Arc::new(RefreshingCredentials::new(source, context))
    }
}

fn fixed(credentials: Credentials) -> Source {
    Arc::new(StaticCredentials::new(credentials))
}

/// The file writes empty text for what is absent.
fn optional(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    #[serde(deserialize_with = "secret")]
    access_key_secret: Secret,
    #[serde(deserialize_with = "secret")]
    sts_token: Secret,
    ram_role_arn: String,
    ram_session_name: String,
    ram_role_name: String,
    expired_seconds: u32,
    sts_region: String,
    enable_vpc: bool,
    #[serde(rename = "source_profile")]
    assumed_by: String,
    oidc_token_file: String,
    oidc_provider_arn: String,
    policy: String,
    external_id: String,
}

impl Profile {
    /// What the profile does not say of the role, the variables say.
    fn role(&self, io: &CredentialsIo) -> Role {
        let or_variable = |text: &str, name| optional(text).or_else(|| io.variable(name));
        Role {
            arn: or_variable(&self.ram_role_arn, "ALIBABA_CLOUD_ROLE_ARN").unwrap_or_default(),
            session_name: or_variable(&self.ram_session_name, "ALIBABA_CLOUD_ROLE_SESSION_NAME")
                .unwrap_or_else(|| sts::SESSION_NAME.to_owned()),
            seconds: match self.expired_seconds {
                0 => 3600,
                seconds => seconds,
            },
            policy: optional(&self.policy),
            external_id: optional(&self.external_id),
            host: sts::host(optional(&self.sts_region).as_deref(), self.enable_vpc),
        }
    }
}

#[async_trait]
impl ProvideCredentials for CliProfileCredentials {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.file.credentials(|content| self.source(content)).await
    }

    fn refused(&self, credentials: &Credentials) {
        self.file.refused(credentials);
    }
}
