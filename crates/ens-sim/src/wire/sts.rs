//! The part of STS 2015-04-01 that credential chains need: who am I, and temporary keys.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Call, Gateway, Key};
use crate::cloud::ApiError;
use crate::time::Timestamp;

/// The version of the STS API.
pub(super) const STS_VERSION: &str = "2015-04-01";

impl Gateway {
    /// Answers an STS action.
    pub(super) fn sts(
        &mut self,
        call: &Call,
        params: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let request_id = self.cloud.new_request_id();
        match call.action.as_str() {
            "GetCallerIdentity" => Ok(json!({
                "AccountId": call.account,
                "Arn": format!("acs:ram::{}:user/ens-sim", call.account),
                "IdentityType": "RAMUser",
                "PrincipalId": call.access_key_id,
                "RequestId": request_id,
                "UserId": call.access_key_id,
            })),
            "AssumeRole" => self.assume_role(&call.account, params, now, &request_id),
            "AssumeRoleWithOIDC" => {
                for name in ["OIDCProviderArn", "OIDCToken"] {
                    required(params, name)?;
                }
                let account = self.cloud.config().account.clone();
                self.assume_role(&account, params, now, &request_id)
            }
            action => {
                let message = format!(
                    "Specified api is not found, please check your url and method: {action}."
                );
                Err(ApiError::new(404, "InvalidAction.NotFound", message))
            }
        }
    }

    /// A key that ends: 900 to 43,200 seconds from now, 3,600 when nothing is said.
    fn assume_role(
        &mut self,
        account: &str,
        params: &BTreeMap<String, String>,
        now: Timestamp,
        request_id: &str,
    ) -> Result<Value, ApiError> {
        let role = required(params, "RoleArn")?;
        let session = required(params, "RoleSessionName")?;
        let seconds = match params.get("DurationSeconds") {
            None => 3600,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (900..=43_200).contains(seconds))
                .ok_or_else(|| {
                    ApiError::invalid("DurationSeconds", "must be a number from 900 to 43200")
                })?,
        };
        let ends = now.after(Duration::from_secs(seconds));
        let (id, secret, token) = (
            self.cloud.new_token("STS."),
            self.cloud.new_token(""),
            self.cloud.new_token("CAIS"),
        );
        let key = Key {
            secret: secret.clone(),
            account: account.to_owned(),
            session: Some((token.clone(), ends)),
        };
        self.keys.insert(id.clone(), key);
        Ok(json!({
            "AssumedRoleUser": { "Arn": format!("{role}/{session}"), "AssumedRoleId": format!("0:{session}") },
            "Credentials": {
                "AccessKeyId": id,
                "AccessKeySecret": secret,
                "Expiration": ends.iso8601(),
                "SecurityToken": token,
            },
            "RequestId": request_id,
        }))
    }
}

fn required<'a>(params: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str, ApiError> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| ApiError::missing(name))
}
