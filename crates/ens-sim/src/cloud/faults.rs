//! What goes wrong, and when: by action and number of the call, or by chance from the cloud's seed.

use std::time::Duration;

use super::error::ApiError;

/// One way to go wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Refused before any effect. The usual codes have constructors below.
    Refuse(ApiError),
    /// The request never arrives: no effect, no answer.
    LoseRequest,
    /// The effect happens, the answer is lost.
    LoseAnswer,
    /// The effect happens, the answer comes that much later.
    Delay(Duration),
    /// The effect happens, the answer says that it failed.
    FailAfterEffect(ApiError),
    /// No answer; the effect happens that much later, when the caller has long given up. What a repetition with the
    /// same ClientToken gets until then is a switch,
    /// [`Switches::late_call_holds_token`](super::Switches::late_call_holds_token).
    LateEffect(Duration),
    /// The call sees an account without any ELB or EIP: "not found" right after a create, a resource that vanishes and
    /// comes back, an empty list. Writes meet the same view.
    Unseen,
    /// The call is made in the name of another account, which holds nothing at all.
    OtherAccount,
    /// A read shows how things stood that long ago. Other calls are not hit. A cloud remembers [`STALE_LIMIT`].
    Stale(Duration),
    /// The cloud has forgotten every ClientToken when the call comes in.
    ForgetTokens,
}

/// How far back a stale read can reach.
pub const STALE_LIMIT: Duration = Duration::from_secs(120);

impl Fault {
    /// HTTP 503 ServiceUnavailable before any effect.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::Refuse(ApiError::new(
            503,
            "ServiceUnavailable",
            "The request has failed due to a temporary failure of the server.",
        ))
    }

    /// HTTP 500 InternalError, although the effect happened.
    #[must_use]
    pub fn internal_error_after_effect() -> Self {
        Self::FailAfterEffect(ApiError::new(
            500,
            "InternalError",
            "The request processing has failed due to some unknown error.",
        ))
    }

    /// Throttling.User; `retry_after` goes into the header `x-acs-retry-after`, in milliseconds.
    #[must_use]
    pub fn throttled(retry_after: Option<Duration>) -> Self {
        let mut error = ApiError::new(
            400,
            "Throttling.User",
            "Request was denied due to user flow control.",
        );
        error.retry_after_ms =
            retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Self::Refuse(error)
    }

    /// PROCESSING: an earlier call with the same ClientToken is still at work. May be repeated with that token.
    #[must_use]
    pub fn processing() -> Self {
        Self::Refuse(ApiError::processing())
    }

    /// The catch-all `ens.interface.error`, before any effect.
    #[must_use]
    pub fn opaque() -> Self {
        Self::Refuse(ApiError::new(
            400,
            "ens.interface.error",
            "An error occurred while calling the interface.",
        ))
    }

    /// NoPermission before any effect.
    #[must_use]
    pub fn no_permission() -> Self {
        Self::Refuse(ApiError::new(
            400,
            "NoPermission",
            "You are not authorized to do this action.",
        ))
    }
}

/// Which calls a rule hits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// The nth call of the action since the cloud was made, from 1.
    Nth(u64),
    /// Every call whose number among those of the action lies in the range, both ends included.
    Between(u64, u64),
    /// Each call by chance, 0.0 to 1.0, drawn from the cloud's seed.
    Chance(f64),
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// The action, or `None` for all of them. For `None` calls are still counted per action.
    pub action: Option<String>,
    /// Which calls.
    pub when: When,
    /// What happens to them.
    pub fault: Fault,
}

/// A list of rules; the first that hits a call decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// The rules.
    pub rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// Adds a rule for the nth call of an action, from 1.
    #[must_use]
    pub fn at(mut self, action: &str, nth: u64, fault: Fault) -> Self {
        self.rules.push(FaultRule {
            action: Some(action.to_owned()),
            when: When::Nth(nth),
            fault,
        });
        self
    }

    /// Adds a rule for every call, by chance.
    #[must_use]
    pub fn by_chance(mut self, probability: f64, fault: Fault) -> Self {
        self.rules.push(FaultRule {
            action: None,
            when: When::Chance(probability),
            fault,
        });
        self
    }

    /// Whether some rule makes reads stale, so that the past has to be kept.
    pub(crate) fn looks_back(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| matches!(rule.fault, Fault::Stale(_)))
    }

    pub(crate) fn choose(&self, action: &str, nth: u64, rng: &mut fastrand::Rng) -> Option<Fault> {
        let rule = self.rules.iter().find(|rule| {
            rule.action.as_deref().is_none_or(|wanted| wanted == action)
                && match rule.when {
                    When::Nth(wanted) => wanted == nth,
                    When::Between(first, last) => (first..=last).contains(&nth),
                    When::Chance(probability) => rng.f64() < probability,
                }
        })?;
        Some(rule.fault.clone())
    }
}

/// Stands in an answer that nobody gets.
pub(crate) fn lost() -> ApiError {
    ApiError::new(504, "GatewayTimeout", "The answer was lost on the way.")
}
