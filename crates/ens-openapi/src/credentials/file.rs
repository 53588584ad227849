//! Credentials in the INI file of the official SDKs, at its usual place or anywhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::followed::{FollowedFile, Source};
use super::io::{CredentialsIo, FetchError};
use super::sts::{self, AssumeRoleSource, Role};
use super::{
    Credentials, CredentialsError, EcsRoleSource, ProvideCredentials, RefreshingCredentials,
    StaticCredentials,
};

/// The section that is read when none is named.
const DEFAULT_SECTION: &str = "default";

/// A file of sections (INI), read at every use and followed when it changes: a mounted Secret that is rotated is
/// taken up at the next call. As both halves of a pair stand in one file, a pair is never mixed of two.
///
/// ```ini
/// [default]
/// type = access_key
/// access_key_id = …
/// access_key_secret = …
/// ```
///
/// Types and keys (aliyun/credentials-go, `providers/profile.go`): `access_key` (also with `security_token`, which the
/// official clients do not know), `ecs_ram_role` (`role_name`), `ram_role_arn` (`access_key_id`, `access_key_secret`,
/// `role_arn`, `role_session_name`, optional `policy`). `#` and `;` start a line of comment.
#[derive(Debug)]
pub struct FileCredentials {
    file: FollowedFile,
    section: String,
}

impl FileCredentials {
    /// The section `default` of this file.
    pub fn new(io: &CredentialsIo, path: impl Into<PathBuf>) -> Self {
        Self {
            file: FollowedFile::new(io.clone(), path.into()),
            section: DEFAULT_SECTION.to_owned(),
        }
    }

    /// Another section.
    #[must_use]
    pub fn section(mut self, section: impl Into<String>) -> Self {
        self.section = section.into();
        self
    }

    /// The file in `ALIBABA_CLOUD_CREDENTIALS_FILE`, or `~/.alibabacloud/credentials`; the section in
    /// `ALIBABA_CLOUD_PROFILE`. `None` when neither a file nor a home directory is named.
    pub fn from_variables(io: &CredentialsIo) -> Option<Self> {
        let in_home =
            || Some(PathBuf::from(io.variable("HOME")?).join(".alibabacloud/credentials"));
        let path = io
            .variable("ALIBABA_CLOUD_CREDENTIALS_FILE")
            .map(PathBuf::from)
            .or_else(in_home)?;
        let section = io.variable("ALIBABA_CLOUD_PROFILE");
        let file = Self::new(io, path);
        Some(match section {
            Some(section) => file.section(section),
            None => file,
        })
    }

    fn source(&self, content: &[u8]) -> Result<Source, FetchError> {
        let wrong =
            |problem: &str| FetchError::Content(format!("section [{}] {problem}", self.section));
        let text = std::str::from_utf8(content)
            .map_err(|_| FetchError::Content("the file is not text".to_owned()))?;
        let section = section(text, &self.section).ok_or_else(|| wrong("does not exist"))?;
        let optional = |key: &str| section.get(key).filter(|value| !value.is_empty());
        let needed = |key: &str| {
            optional(key)
                .map(|value| (*value).to_owned())
                .ok_or_else(|| wrong(&format!("has no {key}")))
        };
        let pair = || -> Result<Credentials, FetchError> {
            let pair = Credentials::new(needed("access_key_id")?, needed("access_key_secret")?);
            Ok(match optional("security_token") {
                Some(token) => pair.with_security_token(*token),
                None => pair,
            })
        };
        let io = &self.file.io;
        match needed("type")?.as_str() {
            "access_key" => Ok(Arc::new(StaticCredentials::new(pair()?))),
            "ecs_ram_role" => {
                let source = EcsRoleSource::of_role(io, Some(needed("role_name")?));
                Ok(Arc::new(RefreshingCredentials::new(
                    source,
                    io.context.clone(),
                )))
            }
            "ram_role_arn" => {
                let source = AssumeRoleSource {
                    io: io.clone(),
                    base: Arc::new(StaticCredentials::new(pair()?)),
                    role: Role {
                        arn: needed("role_arn")?,
                        session_name: needed("role_session_name")?,
                        seconds: 3600,
                        policy: optional("policy").map(|policy| (*policy).to_owned()),
                        external_id: None,
                        host: sts::host(None, false),
                    },
                };
                Ok(Arc::new(RefreshingCredentials::new(
                    source,
                    io.context.clone(),
                )))
            }
            other => Err(wrong(&format!(
                "has type \"{other}\"; access_key, ecs_ram_role and ram_role_arn are known"
            ))),
        }
    }
}

#[async_trait]
impl ProvideCredentials for FileCredentials {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.file.credentials(|content| self.source(content)).await
    }

    fn refused(&self, credentials: &Credentials) {
        self.file.refused(credentials);
    }
}

/// The keys of one section. Of a key that comes twice the last one counts; a line that is neither a section, a key nor
/// a comment is skipped, as the official clients do.
fn section<'a>(text: &'a str, wanted: &str) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut found: Option<BTreeMap<&str, &str>> = None;
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            is_inside = name.trim() == wanted;
            if is_inside {
                found.get_or_insert_default();
            }
        } else if is_inside
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
            && let Some(keys) = &mut found
        {
            keys.insert(key.trim(), value.trim());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_has_its_own_keys_and_values_may_contain_equals_signs() {
        let text = "a = outside\n[default]\n; a = comment\n# a = comment\na = 1=2\n\n[other]\na=3\n[ default ]\nb=4\n";
        let keys = section(text, "default").unwrap();
        assert_eq!(keys, BTreeMap::from([("a", "1=2"), ("b", "4")]));
        assert_eq!(section(text, "missing"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>(), name in any::<String>()) {
            let _ = section(&text, &name);
        }

        #[test]
        fn what_was_written_is_read(keys in prop::collection::btree_map("[a-z_]{1,12}", "[!-~]{1,20}", 0..6)) {
            let lines: Vec<_> = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            let text = format!("[s]\n{}", lines.concat());
            let read: BTreeMap<_, _> = section(&text, "s").unwrap().into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(read, keys);
        }
    }
}
