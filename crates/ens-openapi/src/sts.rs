//! STS (Security Token Service), as far as it says whose credentials these are.
//!
//! Resources of another account look like resources that are gone. Whoever makes things anew, or forgets them, when they
//! are not found, asks first which account is looking.
//!
//! ```no_run
//! use ens_openapi::{Credentials, StaticCredentials, sts};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = StaticCredentials::new(Credentials::new("my-id", "my-secret"));
//! let sts = sts::client(credentials).build()?;
//! let who = sts.send(&sts::GetCallerIdentity {}).await?;
//! println!("account {}", who.account_id);
//! # Ok(())
//! # }
//! ```

use serde::{Deserialize, Serialize};

use crate::api::request::request;
use crate::api::wire;
use crate::client::{Client, ClientBuilder, Endpoint};
use crate::credentials::ProvideCredentials;

/// The version of the API of STS (its SDKs are named after it: `sts-20150401`).
pub const API_VERSION: &str = "2015-04-01";

/// The endpoint that serves every region (aliyun/credentials-go, `providers/ram_role_arn.go`).
pub const DEFAULT_ENDPOINT: &str = "sts.aliyuncs.com";

/// Starts a client of STS. It is built like one of ENS, and calls [`DEFAULT_ENDPOINT`] unless told otherwise.
pub fn client(credentials: impl ProvideCredentials + 'static) -> ClientBuilder {
    Client::builder(credentials).api(API_VERSION, Endpoint::https(DEFAULT_ENDPOINT.to_owned()))
}

/// `GetCallerIdentity`: whose the credentials are. A read; it needs no permission in RAM (Alibaba Cloud help, RAM, "API
/// reference: GetCallerIdentity").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetCallerIdentity {}

/// Whose credentials made the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CallerIdentity {
    /// The Alibaba Cloud account, a number of 16 digits.
    #[serde(deserialize_with = "wire::required")]
    pub account_id: String,
    /// The user or role, such as `acs:ram::1234567890123456:user/ecm`.
    #[serde(default, deserialize_with = "wire::text")]
    pub arn: Option<String>,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    #[serde(default, deserialize_with = "wire::text")]
    pub identity_type: Option<String>,
}

request!(GetCallerIdentity, "GetCallerIdentity", CallerIdentity);
