//! Tokens of ServiceAccounts (`/token`).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::User;
use crate::clock::rfc3339;
use crate::object;
use crate::server::{ApiServer, Target};
use crate::status::{FieldError, Status};

/// Shorter lives are refused, as by the real server.
const SHORTEST: i64 = 600;
const DEFAULT: i64 = 3600;

/// The tokens that were given out. Unlike the real ones they are opaque: nothing can be read from them.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<String, Token>);

#[derive(Debug)]
struct Token {
    namespace: String,
    name: String,
    uid: String,
    until: Timestamp,
}

impl ApiServer {
    /// Answers a TokenRequest.
    ///
    /// # Errors
    /// 404 where the ServiceAccount does not exist, 422 for a life under ten minutes.
    pub(crate) fn request_token(
        &self,
        target: &Target,
        name: &str,
        request: &Value,
    ) -> Result<Value, Status> {
        let account = self.get(target, name)?;
        let seconds = request["spec"]["expirationSeconds"]
            .as_i64()
            .unwrap_or(DEFAULT);
        if seconds < SHORTEST {
            let path = "spec.expirationSeconds";
            let detail = "may not specify a duration less than 10 minutes";
            let fault = FieldError::invalid(path, &json!(seconds), detail);
            return Err(Status::invalid_kind(
                "authentication.k8s.io",
                "TokenRequest",
                vec![fault],
            ));
        }
        let now = self.clock().now();
        let until = now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(now);
        let token = Token {
            namespace: object::namespace(&account).to_owned(),
            name: name.to_owned(),
            uid: object::uid(&account).to_owned(),
            until,
        };
        let text = self.issue(token);
        Ok(json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "metadata": {"name": name, "namespace": object::namespace(&account), "creationTimestamp": rfc3339(now)},
            "spec": {
                "audiences": request["spec"]["audiences"], "expirationSeconds": seconds, "boundObjectRef": null,
            },
            "status": {"token": text, "expirationTimestamp": rfc3339(until)},
        }))
    }

    fn issue(&self, token: Token) -> String {
        let mut state = self.lock();
        let text = format!("kube-sim-{}", state.new_uid());
        state.tokens.0.insert(text.clone(), token);
        text
    }

    /// Whose token this is; nobody's after its time and after the account's end.
    pub(crate) fn user_of_token(&self, text: &str) -> Option<User> {
        let now = self.clock().now();
        let state = self.lock();
        let token = state.tokens.0.get(text).filter(|token| token.until > now)?;
        let account = state.all("", "serviceaccounts").find(|account| {
            object::uid(account) == token.uid && !object::is_terminating(account)
        })?;
        Some(User::service_account(
            &token.namespace,
            &token.name,
            object::uid(account),
        ))
    }
}
