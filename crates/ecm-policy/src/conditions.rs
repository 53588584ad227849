//! What a PoolService says about itself: its conditions, from what a plan found (behaviour 10.1).

use serde::{Deserialize, Serialize};

pub use poolservice_api::conditions::{ConditionType, Reason};

/// Something that was refused, and on which condition it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The condition.
    pub condition: ConditionType,
    /// Its reason.
    pub reason: Reason,
    /// What a person reads and can act on.
    pub message: String,
}

impl Refusal {
    /// A refusal of its three parts.
    pub fn new(condition: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            condition,
            reason,
            message: message.into(),
        }
    }
}

/// A condition without the parts that need a clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The type.
    pub condition: ConditionType,
    /// The status.
    pub status: Status,
    /// The reason.
    pub reason: Reason,
    /// The message.
    pub message: String,
}

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Status {
    /// As Kubernetes spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// The status that Kubernetes spells so.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::True, Self::False, Self::Unknown];
        all.into_iter().find(|known| known.as_str() == word)
    }
}

/// The conditions of one PoolService, one of each type, in the order in which people read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions(Vec<Condition>);

/// All types but `Ready`, which follows from them.
const PARTS: [ConditionType; 6] = [
    ConditionType::Accepted,
    ConditionType::LoadBalancerReady,
    ConditionType::AddressReady,
    ConditionType::ListenersReady,
    ConditionType::BackendsReady,
    ConditionType::InSync,
];

/// What a condition says of which nothing is known.
const UNKNOWN: &str = "nothing is known of it yet";

impl Default for Conditions {
    fn default() -> Self {
        Self::unknown()
    }
}

impl Conditions {
    /// Nothing is known yet.
    pub fn unknown() -> Self {
        Self(
            PARTS
                .into_iter()
                .map(|condition| Condition {
                    condition,
                    status: Status::Unknown,
                    reason: Reason::InProgress,
                    message: UNKNOWN.to_owned(),
                })
                .collect(),
        )
    }

    /// Sets one condition.
    pub fn set(
        &mut self,
        condition: ConditionType,
        status: Status,
        reason: Reason,
        message: impl Into<String>,
    ) {
        let new = Condition {
            condition,
            status,
            reason,
            message: message.into(),
        };
        match self.0.iter_mut().find(|c| c.condition == condition) {
            Some(old) => *old = new,
            None => self.0.push(new),
        }
    }

    /// Sets one condition to true.
    pub fn good(&mut self, condition: ConditionType, message: impl Into<String>) {
        self.set(condition, Status::True, Reason::AsExpected, message);
    }

    /// Sets one condition to false. The first refusal of a condition gives its reason; the
    /// messages of the following ones are added.
    pub fn refuse(&mut self, refusal: &Refusal) {
        match self.0.iter_mut().find(|c| c.condition == refusal.condition) {
            Some(c) if c.status == Status::False && c.reason != Reason::InProgress => {
                if !c.message.contains(&refusal.message) {
                    c.message.push_str("; ");
                    c.message.push_str(&refusal.message);
                }
            }
            _ => self.set(
                refusal.condition,
                Status::False,
                refusal.reason,
                refusal.message.clone(),
            ),
        }
    }

    /// The cloud is not as it should be while one of the others is on its way there. It follows from
    /// them, so that it never changes alone because of work that is being done.
    pub fn not_in_sync_yet(&mut self) {
        let is_on_its_way =
            |c: &Condition| c.status == Status::False && c.reason == Reason::InProgress;
        if self.is_true(ConditionType::InSync) && self.0.iter().any(is_on_its_way) {
            self.set(
                ConditionType::InSync,
                Status::False,
                Reason::InProgress,
                "the cloud is being brought to what is asked for",
            );
        }
    }

    /// Each of them, without `Ready`.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }

    /// One condition.
    pub fn get(&self, condition: ConditionType) -> Option<&Condition> {
        self.0.iter().find(|c| c.condition == condition)
    }

    /// Whether a condition is true.
    pub fn is_true(&self, condition: ConditionType) -> bool {
        self.get(condition)
            .is_some_and(|c| c.status == Status::True)
    }

    /// All conditions with `Ready` at the end: true when all but `InSync` are true. Its reason
    /// and message are those of the first part that is false, else of the first that is unknown.
    pub fn with_ready(&self) -> Vec<Condition> {
        let parts = || {
            self.0
                .iter()
                .filter(|c| c.condition != ConditionType::InSync)
        };
        // What is wrong says more than what nobody knows yet.
        let spoils = parts()
            .find(|c| c.status == Status::False)
            .or_else(|| parts().find(|c| c.status == Status::Unknown));
        let ready = match spoils {
            None => Condition {
                condition: ConditionType::Ready,
                status: Status::True,
                reason: Reason::AsExpected,
                message: "the load balancer serves".to_owned(),
            },
            Some(part) => Condition {
                condition: ConditionType::Ready,
                status: Status::False,
                reason: part.reason,
                message: part.message.clone(),
            },
        };
        self.0.iter().cloned().chain([ready]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_10_1_ready_is_all_but_in_sync() {
        let mut conditions = Conditions::unknown();
        for part in PARTS {
            conditions.good(part, "");
        }
        conditions.refuse(&Refusal::new(
            ConditionType::InSync,
            Reason::Paused,
            "paused",
        ));
        let all = conditions.with_ready();
        assert_eq!(all.last().map(|c| c.status), Some(Status::True));
        conditions.refuse(&Refusal::new(
            ConditionType::BackendsReady,
            Reason::NoReadyEndpoints,
            "nobody serves",
        ));
        let all = conditions.with_ready();
        let ready = all.last().unwrap();
        assert_eq!(
            (ready.status, ready.reason),
            (Status::False, Reason::NoReadyEndpoints)
        );
        assert_eq!(ready.message, "nobody serves");
    }

    #[test]
    fn rule_3_4_all_refusals_of_one_condition_are_told_together() {
        let mut conditions = Conditions::unknown();
        for message in ["a", "b"] {
            conditions.refuse(&Refusal::new(
                ConditionType::Accepted,
                Reason::InvalidAnnotation,
                message,
            ));
        }
        assert_eq!(
            conditions.get(ConditionType::Accepted).unwrap().message,
            "a; b"
        );
    }
}
