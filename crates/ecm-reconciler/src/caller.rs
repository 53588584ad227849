//! On whose behalf the cloud is called, and how urgently (behaviour 11.2).

use std::sync::Arc;

use ens_openapi::rate_limit::Priority;
use ens_openapi::{Client, EnsApi};

/// Who calls the cloud. Where calls wait for a turn of a rate limit, the more urgent goes first, and
/// equally urgent ones of different names go in rotation.
#[derive(Debug, Clone)]
pub struct Caller {
    /// How urgent the call is.
    pub priority: Priority,
    /// The object, or the region, that it is for.
    pub name: Arc<str>,
}

impl Caller {
    /// A caller of this name.
    pub fn new(priority: Priority, name: impl Into<Arc<str>>) -> Self {
        Self {
            priority,
            name: name.into(),
        }
    }
}

/// The API of the cloud, as each caller is to use it.
#[derive(Debug, Clone)]
pub struct CloudApi(Kind);

#[derive(Debug, Clone)]
enum Kind {
    ByCaller(Client),
    Alike(Arc<dyn EnsApi>),
}

impl CloudApi {
    /// The API for this caller.
    pub fn called_by(&self, caller: &Caller) -> Arc<dyn EnsApi> {
        match &self.0 {
            Kind::ByCaller(client) => {
                let client = client.with_priority(caller.priority);
                Arc::new(client.on_behalf_of(caller.name.clone()))
            }
            Kind::Alike(api) => api.clone(),
        }
    }
}

/// Each call has the priority and the name of its caller.
impl From<Client> for CloudApi {
    fn from(client: Client) -> Self {
        Self(Kind::ByCaller(client))
    }
}

/// All calls are alike: for an API that makes no difference between callers. An `Arc` of a [`Client`] is
/// not taken: it would be one by mistake.
impl From<Arc<dyn EnsApi>> for CloudApi {
    fn from(api: Arc<dyn EnsApi>) -> Self {
        Self(Kind::Alike(api))
    }
}
