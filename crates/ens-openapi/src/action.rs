//! The name of an action and what follows from it: HTTP method, and whether it changes anything.

use std::borrow::Cow;
use std::fmt;

/// The version of the ENS OpenAPI that this crate speaks (its SDKs are named after it: `ens-20171110`).
pub const API_VERSION: &str = "2017-11-10";

/// Actions that the published metadata gives as GET. All others are sent by POST, as the official SDKs do
/// (aliyun-openapi-meta, `en-US/ens`; alibabacloud-go/ens-20171110).
const GET_ACTIONS: [&str; 6] = [
    "DescribeLoadBalancerListenMonitor",
    "DescribeLoadBalancerSpec",
    "DescribeLoadBalancers",
    "DescribeRegionIsps",
    "DescribeServerLoadBalancerListenMonitor",
    "DescribeServerLoadBalancerMonitor",
];

/// The name of one action of the API, such as `CreateLoadBalancer`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// An action whose name is known at compile time.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as the API spells it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The HTTP method that this action is sent with.
    pub fn method(&self) -> http::Method {
        if GET_ACTIONS.contains(&self.name()) {
            http::Method::GET
        } else {
            http::Method::POST
        }
    }

    /// Whether the action only reads. By the naming rule of the API these are `Describe…` and `List…`, and
    /// `GetCallerIdentity` of STS; everything else is taken for a write, so that an unknown action is never repeated.
    pub fn is_read(&self) -> bool {
        self.name().starts_with("Describe")
            || self.name().starts_with("List")
            || self.name() == "GetCallerIdentity"
    }
}

impl From<&'static str> for Action {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Action {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_is_not_known_to_read_counts_as_a_write() {
        assert!(Action::new("DescribeVSwitches").is_read());
        assert!(Action::new("ListTagResources").is_read());
        assert!(Action::new("GetCallerIdentity").is_read());
        assert!(!Action::new("ReleaseInstance").is_read());
        assert!(!Action::new("SomethingNew").is_read());
    }

    #[test]
    fn get_only_actions_are_sent_by_get() {
        assert_eq!(
            Action::new("DescribeLoadBalancers").method(),
            http::Method::GET
        );
        assert_eq!(
            Action::new("DescribeLoadBalancerAttribute").method(),
            http::Method::POST
        );
        assert_eq!(
            Action::new("CreateEipInstance").method(),
            http::Method::POST
        );
    }
}
