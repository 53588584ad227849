//! Backends of an ELB. There is one list per ELB, shared by all of its listeners.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::request;
use super::types::rows;
use super::wire::{self, text_enum};

/// The most backends that one call takes (AddBackendServers, SetBackendServers, RemoveBackendServers).
pub const MAX_BACKENDS_PER_CALL: usize = 20;

text_enum! {
    /// Kind of a backend.
    BackendType {
        /// An ENS instance, `i-…`.
        Ens = "ens",
        /// A network interface.
        Eni = "eni",
    }
}

/// A backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BackendServer {
    /// Id of the instance or of the network interface.
    #[serde(deserialize_with = "wire::required")]
    pub server_id: String,
    /// The kind. Together with the id it is the identity of a backend.
    #[serde(default, rename = "Type")]
    pub server_type: BackendType,
    /// Share of the traffic, 0 to 100; 0 = none, 100 when absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "wire::scalar"
    )]
    pub weight: Option<u8>,
    /// Port on the backend; 0 = what each listener says, the value that all known callers use. Not sent when changing
    /// weights.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "wire::scalar"
    )]
    pub port: Option<u16>,
    /// Address of the backend.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "wire::text"
    )]
    pub ip: Option<String>,
}

impl BackendServer {
    /// An ENS instance at this weight (0 to 100) that receives on each listener's own port.
    pub fn instance(server_id: impl Into<String>, weight: u8) -> Self {
        Self {
            server_id: server_id.into(),
            server_type: BackendType::Ens,
            weight: Some(weight),
            port: Some(0),
            ip: None,
        }
    }
}

macro_rules! backend_request {
    ($(#[$doc:meta])* $name:ident, $action:literal, $backends_as:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[non_exhaustive]
        pub struct $name {
            /// The ELB.
            pub load_balancer_id: String,
            /// The backends, at most [`MAX_BACKENDS_PER_CALL`].
            #[serde(serialize_with = $backends_as, deserialize_with = "wire::from_json_text")]
            pub backend_servers: Vec<BackendServer>,
        }

        impl $name {
            /// These backends of this ELB.
            pub fn new(load_balancer_id: impl Into<String>, backend_servers: Vec<BackendServer>) -> Self {
                Self { load_balancer_id: load_balancer_id.into(), backend_servers }
            }
        }

        request!($name, $action, Vec<BackendServer>, |answer| echoed(&answer));
    };
}

backend_request! {
    /// `AddBackendServers`: attaches backends. Instances have to be Running. The answer names the backends.
    ///
    /// * Repeat: what it does to a backend that is attached is not documented: read first.
    /// * Done: whether with the answer is not documented: read it.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `AddBackendServers`; models of alibabacloud-ens20171110 12.1.0.
    AddBackendServers, "AddBackendServers", "wire::as_json_text"
}

backend_request! {
    /// `SetBackendServers`: changes the weights of attached backends and nothing else. The answer names the backends.
    ///
    /// * Repeat: yes, it sets weights.
    /// * Done: whether with the answer is not documented: read it.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `SetBackendServers`; models of alibabacloud-ens20171110 12.1.0.
    SetBackendServers, "SetBackendServers", "without_port"
}

backend_request! {
    /// `RemoveBackendServers`: detaches backends, found by id (and by kind, port and address where given: send what
    /// the read gave). The answer names the backends.
    ///
    /// * Repeat: what it does about a backend that is not attached is not documented: read first.
    /// * Done: whether with the answer is not documented: read it.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `RemoveBackendServers`; models of alibabacloud-ens20171110 12.1.0.
    RemoveBackendServers, "RemoveBackendServers", "wire::as_json_text"
}

/// `SetBackendServers` knows no Port.
fn without_port<S: serde::Serializer>(
    backends: &[BackendServer],
    to: S,
) -> Result<S::Ok, S::Error> {
    let backends: Vec<_> = backends
        .iter()
        .map(|b| BackendServer {
            port: None,
            ..b.clone()
        })
        .collect();
    wire::as_json_text(&backends, to)
}

/// The echo is a courtesy: an answer without it is a success all the same.
fn echoed(answer: &Value) -> Result<Vec<BackendServer>, serde_json::Error> {
    if answer.get("BackendServers").is_none() {
        Ok(Vec::new())
    } else {
        rows(answer, "BackendServers")
    }
}
