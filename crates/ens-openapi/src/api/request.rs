//! What a typed request is: an action, its parameters, and how its answer is read.

use serde::Serialize;
use serde_json::Value;

use crate::action::Action;
use crate::params::Params;

/// A typed request. [`Client::send`](crate::client::Client::send) sends any of them.
pub trait Request: Serialize + Send + Sync {
    /// What the answer is read into.
    type Response;

    /// The action that is called.
    fn action(&self) -> Action;

    /// The parameters as they are sent, without action, version and signature.
    ///
    /// # Errors
    /// When a value cannot be written as JSON.
    fn params(&self) -> Result<Params, serde_json::Error> {
        Params::of(self)
    }

    /// Reads the answer of a successful call.
    ///
    /// # Errors
    /// When the answer lacks what it has to contain, or has it in another shape.
    fn decode(&self, answer: Value) -> Result<Self::Response, serde_json::Error>;
}

/// Implements [`Request`] for requests whose action is fixed.
macro_rules! request {
    ($request:ty, $action:literal, $response:ty, $decode:expr) => {
        impl crate::api::request::Request for $request {
            type Response = $response;

            fn action(&self) -> crate::action::Action {
                crate::action::Action::new($action)
            }

            fn decode(
                &self,
                answer: serde_json::Value,
            ) -> Result<Self::Response, serde_json::Error> {
                let decode: fn(serde_json::Value) -> Result<$response, serde_json::Error> = $decode;
                decode(answer)
            }
        }
    };
    ($request:ty, $action:literal, $response:ty) => {
        request!($request, $action, $response, serde_json::from_value);
    };
}
pub(crate) use request;
