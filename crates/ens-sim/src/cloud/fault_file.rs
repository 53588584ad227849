//! A fault plan as a JSON text that a person writes:
//!
//! ```json
//! [
//!   { "action": "CreateLoadBalancer", "nth": 1, "fault": "lose-answer" },
//!   { "action": "DescribeEnsEipAddresses", "between": [2, 4], "fault": { "stale": { "millis": 30000 } } },
//!   { "chance": 0.05, "fault": { "refuse": { "status": 503, "code": "ServiceUnavailable" } } }
//! ]
//! ```

use std::time::Duration;

use serde::Deserialize;

use super::actions;
use super::error::ApiError;
use super::faults::{Fault, FaultPlan, FaultRule, STALE_LIMIT, When};

/// Why a text is not a fault plan.
#[derive(Debug, thiserror::Error)]
pub enum FaultFileError {
    /// It is not a JSON list of rules.
    #[error("it is not a JSON list of fault rules")]
    Malformed(#[source] serde_json::Error),
    /// A rule asks for what cannot be.
    #[error("rule {number}: {why}")]
    Rule {
        /// Its number, from 1.
        number: usize,
        /// What is wrong in which field, and what is allowed.
        why: String,
    },
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a rule such as {\"nth\": 1, \"fault\": \"lose-answer\"}"
)]
struct Rule {
    action: Option<String>,
    nth: Option<u64>,
    between: Option<(u64, u64)>,
    chance: Option<f64>,
    fault: Kind,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Refuse(Refusal),
    LoseRequest,
    LoseAnswer,
    Delay(Wait),
    FailAfterEffect(Refusal),
    LateEffect(Wait),
    Unseen,
    OtherAccount,
    Stale(Wait),
    ForgetTokens,
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a refusal such as {\"status\": 503, \"code\": \"ServiceUnavailable\"}"
)]
struct Refusal {
    #[serde(default = "bad_request")]
    status: u16,
    code: String,
    #[serde(default)]
    message: String,
    retry_after_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a time such as {\"millis\": 300}")]
struct Wait {
    millis: u64,
}

fn bad_request() -> u16 {
    400
}

impl FaultPlan {
    /// Reads a plan from a JSON list of rules. A rule has a `fault`, may have an `action` (else all), and says which calls
    /// it hits by at most one of `nth`, `between` and `chance` (else all). Faults: `refuse` and `fail-after-effect` with
    /// `code` and, where wanted, `status` (400), `message` and `retry_after_ms`; `delay`, `late-effect` and `stale` with
    /// `millis`; `lose-request`, `lose-answer`, `unseen`, `other-account`, `forget-tokens`.
    ///
    /// # Errors
    /// The text is not such a list, or a rule asks for what cannot be.
    pub fn from_json(text: &str) -> Result<Self, FaultFileError> {
        let rules: Vec<Rule> = serde_json::from_str(text).map_err(FaultFileError::Malformed)?;
        let rules = (1..).zip(rules).map(|(number, rule)| {
            rule.check()
                .map_err(|why| FaultFileError::Rule { number, why })
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
        })
    }
}

impl Rule {
    fn check(self) -> Result<FaultRule, String> {
        if let Some(action) = &self.action
            && !actions::exists(action)
        {
            return Err(format!(
                "action {action:?}: no action of that name is played; the nearest is {:?}",
                actions::nearest(action)
            ));
        }
        let when = match (self.nth, self.between, self.chance) {
            (None, None, None) => When::Between(1, u64::MAX),
            (Some(nth), None, None) if nth >= 1 => When::Nth(nth),
            (None, Some((first, last)), None) if 1 <= first && first <= last => {
                When::Between(first, last)
            }
            (None, None, Some(chance)) if (0.0..=1.0).contains(&chance) => When::Chance(chance),
            (Some(nth), None, None) => return Err(format!("nth {nth}: it counts from 1")),
            (None, Some((first, last)), None) => {
                return Err(format!(
                    "between [{first}, {last}]: it needs two numbers from 1, the smaller first"
                ));
            }
            (None, None, Some(chance)) => {
                return Err(format!("chance {chance}: it must be from 0 to 1"));
            }
            (nth, between, chance) => {
                let given = [
                    nth.map(|nth| format!("nth {nth}")),
                    between.map(|(first, last)| format!("between [{first}, {last}]")),
                    chance.map(|chance| format!("chance {chance}")),
                ];
                let given: Vec<String> = given.into_iter().flatten().collect();
                return Err(format!(
                    "{}: only one of them may be given",
                    given.join(" and ")
                ));
            }
        };
        Ok(FaultRule {
            action: self.action,
            when,
            fault: self.fault.check()?,
        })
    }
}

impl Kind {
    fn check(self) -> Result<Fault, String> {
        Ok(match self {
            Self::Refuse(refusal) => Fault::Refuse(refusal.check()?),
            Self::LoseRequest => Fault::LoseRequest,
            Self::LoseAnswer => Fault::LoseAnswer,
            Self::Delay(wait) => Fault::Delay(wait.duration()),
            Self::FailAfterEffect(refusal) => Fault::FailAfterEffect(refusal.check()?),
            Self::LateEffect(wait) => Fault::LateEffect(wait.duration()),
            Self::Unseen => Fault::Unseen,
            Self::OtherAccount => Fault::OtherAccount,
            Self::Stale(wait) if wait.duration() <= STALE_LIMIT => Fault::Stale(wait.duration()),
            Self::Stale(Wait { millis }) => {
                return Err(format!(
                    "stale {millis} millis: it reaches back at most {} millis",
                    STALE_LIMIT.as_millis()
                ));
            }
            Self::ForgetTokens => Fault::ForgetTokens,
        })
    }
}

impl Refusal {
    fn check(self) -> Result<ApiError, String> {
        if !(400..=599).contains(&self.status) {
            return Err(format!(
                "status {}: it must be from 400 to 599",
                self.status
            ));
        }
        let mut error = ApiError::new(self.status, self.code, self.message);
        error.retry_after_ms = self.retry_after_ms;
        Ok(error)
    }
}

impl Wait {
    fn duration(&self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_rule_and_fault_is_read() {
        let plan = FaultPlan::from_json(
            r#"[
                { "action": "DeleteEip", "nth": 2, "fault": "lose-request" },
                { "between": [1, 3], "fault": { "refuse": { "code": "X", "retry_after_ms": 5 } } },
                { "chance": 0.5, "fault": { "fail-after-effect": { "status": 500, "code": "Y", "message": "m" } } },
                { "fault": "lose-answer" }, { "fault": { "delay": { "millis": 7 } } },
                { "fault": { "late-effect": { "millis": 8 } } }, { "fault": "unseen" }, { "fault": "other-account" },
                { "fault": { "stale": { "millis": 120000 } } }, { "fault": "forget-tokens" }
            ]"#,
        )
        .unwrap();
        let mut refusal = ApiError::new(400, "X", "");
        refusal.retry_after_ms = Some(5);
        let always = When::Between(1, u64::MAX);
        let wanted = [
            (When::Nth(2), Fault::LoseRequest),
            (When::Between(1, 3), Fault::Refuse(refusal)),
            (
                When::Chance(0.5),
                Fault::FailAfterEffect(ApiError::new(500, "Y", "m")),
            ),
            (always, Fault::LoseAnswer),
            (always, Fault::Delay(Duration::from_millis(7))),
            (always, Fault::LateEffect(Duration::from_millis(8))),
            (always, Fault::Unseen),
            (always, Fault::OtherAccount),
            (always, Fault::Stale(STALE_LIMIT)),
            (always, Fault::ForgetTokens),
        ];
        let read: Vec<(When, Fault)> = plan
            .rules
            .iter()
            .map(|r| (r.when, r.fault.clone()))
            .collect();
        assert_eq!(read, wanted);
        assert_eq!(plan.rules[0].action.as_deref(), Some("DeleteEip"));
    }

    #[test]
    fn the_readme_shows_rules_that_can_be_read() {
        let readme = include_str!("../../README.md");
        let rules = readme.split("```json").nth(1).unwrap();
        let plan = FaultPlan::from_json(rules.split("```").next().unwrap()).unwrap();
        assert_eq!(plan.rules.len(), 3);
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused_by_its_number() {
        for (rule, why) in [
            (
                r#"{ "action": "DeleteEips", "fault": "unseen" }"#,
                r#"action "DeleteEips": no action of that name is played; the nearest is "DeleteEip""#,
            ),
            (
                r#"{ "nth": 0, "fault": "unseen" }"#,
                "nth 0: it counts from 1",
            ),
            (
                r#"{ "between": [3, 2], "fault": "unseen" }"#,
                "between [3, 2]: it needs two numbers from 1, the smaller first",
            ),
            (
                r#"{ "chance": 1.5, "fault": "unseen" }"#,
                "chance 1.5: it must be from 0 to 1",
            ),
            (
                r#"{ "nth": 1, "chance": 0.5, "fault": "unseen" }"#,
                "nth 1 and chance 0.5: only one of them may be given",
            ),
            (
                r#"{ "fault": { "stale": { "millis": 120001 } } }"#,
                "stale 120001 millis: it reaches back at most 120000 millis",
            ),
            (
                r#"{ "fault": { "refuse": { "code": "X", "status": 200 } } }"#,
                "status 200: it must be from 400 to 599",
            ),
        ] {
            let text = format!(r#"[{{ "fault": "unseen" }}, {rule}]"#);
            let error = FaultPlan::from_json(&text).unwrap_err().to_string();
            assert_eq!(error, format!("rule 2: {why}"));
        }
        // What is allowed is said in the words of the file, not in those of this code.
        for (fault, wanted) in [
            (
                r#"{ "delay": 300 }"#,
                r#"integer `300`, expected a time such as {"millis": 300}"#,
            ),
            (
                r#"{ "refuse": "X" }"#,
                r#"string "X", expected a refusal such as {"status": 503, "code": "ServiceUnavailable"}"#,
            ),
        ] {
            let text = format!(r#"[{{ "fault": {fault} }}]"#);
            let Err(FaultFileError::Malformed(why)) = FaultPlan::from_json(&text) else {
                panic!("{text} is read");
            };
            assert!(why.to_string().contains(wanted), "{why}");
        }
        for text in [
            "",
            "{}",
            r#"[{ "fault": "unknown" }]"#,
            r#"[{ "fault": "unseen", "more": 1 }]"#,
        ] {
            assert!(matches!(
                FaultPlan::from_json(text),
                Err(FaultFileError::Malformed(_))
            ));
        }
    }
}
