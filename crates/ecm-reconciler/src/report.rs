//! From a plan and what became of its steps to the status of the PoolService (behaviour 10).

use std::collections::BTreeMap;

use ecm_policy::conditions::{Condition, ConditionType, Conditions, Reason, Refusal, Status};
use ecm_policy::observed::Told;
use ecm_policy::plan::{Addresses, PortStatus, Report, Step};
use ens_openapi::{Effect, ErrorClass};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use poolservice_api::PoolServiceStatus;

use crate::executor::{Done, Outcome, StepError};

/// The reason that a failed call to the cloud shows.
pub(crate) fn reason(error: &ens_openapi::Error) -> Reason {
    match error.class() {
        ErrorClass::Denied => Reason::AccessDenied,
        ErrorClass::Quota => Reason::QuotaExceeded,
        ErrorClass::Throttled | ErrorClass::Unavailable | ErrorClass::Busy => {
            Reason::CloudUnavailable
        }
        _ => Reason::CloudRefused,
    }
}

/// What a person reads about a failed call: the whole chain of causes, and what to do.
pub(crate) fn describe(error: &ens_openapi::Error) -> String {
    format!("{}. {}", on_one_line(&chain(error)), error.advice())
}

/// A refusal of a signature repeats the whole text that was signed; that helps whoever writes a
/// client, and hides from everybody else what to do.
fn on_one_line(text: &str) -> String {
    let (head, tail) = match text.find("server string to sign is") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let request_id = tail
        .rfind(" (RequestId ")
        .and_then(|at| tail.get(at..))
        .unwrap_or_default();
    let words: Vec<&str> = head.split_whitespace().collect();
    format!("{}{request_id}", words.join(" "))
}

/// The same text for the same refusal, whatever its request id: for events that are said once.
pub(crate) fn describe_once(error: &ens_openapi::Error) -> String {
    without_request_ids(&describe(error))
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Shows failed steps on the conditions of what they worked on. A busy answer is part of the way
/// and not a failure.
pub(crate) fn show_failures(report: &mut Report, done: &[Done]) {
    for done in done {
        if let Some(refusal) = refusal(done) {
            report.conditions.refuse(&refusal);
        }
    }
}

/// An address that nobody knows yet waits for a listener that the steps have stopped, or may have, in order to change
/// it: the plan saw it run (behaviour 4.4).
pub(crate) fn hold_first_address(report: &mut Report, done: &[Done], published: &[String]) {
    let is_stopped = |done: &Done| {
        matches!(done.step, Step::SetListener { .. })
            && match &done.result {
                Ok(outcome) => *outcome == Outcome::StoppedFirst,
                Err(StepError::Cloud(error)) => error.effect() == Effect::Ambiguous,
                Err(_) => false,
            }
    };
    if published.is_empty() && done.iter().any(is_stopped) {
        report.addresses = Addresses::Keep;
        if report.conditions.is_true(ConditionType::ListenersReady) {
            report.conditions.set(
                ConditionType::ListenersReady,
                Status::False,
                Reason::InProgress,
                "a listener is being changed",
            );
        }
    }
}

/// What a failed step shows; `None` for one that did not fail.
pub(crate) fn refusal(done: &Done) -> Option<Refusal> {
    let Done { step, result } = done;
    let condition = step.condition();
    let (reason, why) = match result.as_ref().err()? {
        // Another replica tells.
        StepError::NotLeading(_) => return None,
        StepError::Cloud(error) if error.class() == ErrorClass::Busy => return None,
        StepError::Cloud(error) => (reason(error), describe(error)),
        error @ (StepError::BrokenIntent | StepError::Protocol(_)) => {
            (Reason::CloudRefused, error.to_string())
        }
    };
    let reason = match (reason, condition) {
        (Reason::CloudRefused, ConditionType::ListenersReady) => Reason::ListenerRefused,
        (Reason::CloudRefused, ConditionType::BackendsReady) => Reason::BackendRefused,
        (reason, _) => reason,
    };
    Some(Refusal::new(
        condition,
        reason,
        format!("could not {step}: {why}"),
    ))
}

/// What the conditions of listeners and backends say; `None` before both stand.
pub(crate) fn told(status: &PoolServiceStatus) -> Option<Told> {
    let of = |kind: ConditionType| {
        let mut all = status.conditions.iter().flatten();
        all.find(|condition| condition.type_ == kind.as_str())
    };
    Some(Told {
        listeners_ready: of(ConditionType::ListenersReady)?.status == Status::True.as_str(),
        backends: of(ConditionType::BackendsReady)?.message.clone(),
    })
}

/// The status that should stand; equal to `current` when nothing is to be written.
pub(crate) fn status(
    current: &PoolServiceStatus,
    report: &Report,
    generation: Option<i64>,
    now: Timestamp,
) -> PoolServiceStatus {
    let mut status = current.clone();
    let before = current.conditions.clone().unwrap_or_default();
    status.conditions = Some(conditions(&before, report, generation, now));
    match &report.addresses {
        Addresses::Keep => {}
        Addresses::Withdraw => status.load_balancer = Some(core::LoadBalancerStatus::default()),
        Addresses::Publish { ip, ports } => {
            status.load_balancer = Some(core::LoadBalancerStatus {
                ingress: Some(vec![core::LoadBalancerIngress {
                    ip: Some(ip.clone()),
                    ports: (!ports.is_empty()).then(|| ports.iter().map(port_status).collect()),
                    ..Default::default()
                }]),
            });
        }
    }
    if !report.aggregate.is_empty() {
        status.aggregate_to_annotations = Some(report.aggregate.clone());
    }
    status
}

/// The merge patch that brings `current` to `wanted`. In a merge patch what is left out stays, so
/// what goes is named with null (RFC 7396).
pub(crate) fn patch(
    resource_version: &str,
    current: &PoolServiceStatus,
    wanted: &PoolServiceStatus,
) -> serde_json::Value {
    let ingress = wanted
        .load_balancer
        .as_ref()
        .and_then(|lb| lb.ingress.as_ref());
    let kept = wanted.aggregate_to_annotations.clone().unwrap_or_default();
    let before = current.aggregate_to_annotations.iter().flatten();
    let gone = before.map(|(key, _)| (key.clone(), None));
    let aggregate: BTreeMap<String, Option<String>> = gone
        .chain(kept.into_iter().map(|(key, value)| (key, Some(value))))
        .collect();
    serde_json::json!({
        // Nothing that was written since may be lost, and no other object of the name be hit.
        "metadata": { "resourceVersion": resource_version },
        "status": {
            "conditions": wanted.conditions,
            "loadBalancer": { "ingress": ingress },
            "aggregateToAnnotations": aggregate,
        },
    })
}

fn port_status(port: &PortStatus) -> core::PortStatus {
    core::PortStatus {
        port: i32::from(port.port),
        protocol: port.protocol.clone(),
        error: Some(port.error.clone()),
    }
}

/// The conditions that should stand. What the plan does not know keeps what stands; a message that
/// changes without a change of substance is not written (behaviour 10.1).
fn conditions(
    before: &[meta::Condition],
    report: &Report,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<meta::Condition> {
    let standing = with_what_stands(&report.conditions, before);
    let mut known: Vec<Condition> = report.conditions.with_ready();
    // Ready follows from all parts: from those that the plan knows, and from what stands of the others.
    known.pop();
    known.extend(standing.with_ready().pop());
    let is_open = is_only_a_gap(&standing);
    let mut all: Vec<meta::Condition> = before.to_vec();
    for condition in known {
        let position = all
            .iter()
            .position(|c| c.type_ == condition.condition.as_str());
        let is_gap = condition.status == Status::Unknown
            || (condition.condition == ConditionType::Ready && is_open);
        match position {
            Some(_) if is_gap => {}
            Some(at) => {
                if let Some(old) = all.get_mut(at) {
                    update(old, &condition, generation, now);
                }
            }
            None => all.push(meta::Condition {
                type_: condition.condition.as_str().to_owned(),
                status: condition.status.as_str().to_owned(),
                reason: condition.reason.as_str().to_owned(),
                message: condition.message,
                observed_generation: generation,
                last_transition_time: meta::Time(now),
            }),
        }
    }
    all
}

/// What the plan says, and of what it does not know what stands.
fn with_what_stands(plan: &Conditions, before: &[meta::Condition]) -> Conditions {
    let mut all = plan.clone();
    for condition in plan.iter().filter(|c| c.status == Status::Unknown) {
        let mut standing = before.iter();
        let standing = standing.find(|c| c.type_ == condition.condition.as_str());
        let told =
            standing.and_then(|c| Some((Status::parse(&c.status)?, Reason::parse(&c.reason)?, c)));
        if let Some((status, reason, standing)) = told {
            all.set(condition.condition, status, reason, &standing.message);
        }
    }
    all
}

/// Whether a part is not known, and nothing else is wrong.
fn is_only_a_gap(conditions: &Conditions) -> bool {
    let parts = || {
        conditions
            .iter()
            .filter(|c| c.condition != ConditionType::InSync)
    };
    parts().any(|c| c.status == Status::Unknown) && parts().all(|c| c.status != Status::False)
}

fn update(old: &mut meta::Condition, new: &Condition, generation: Option<i64>, now: Timestamp) {
    let status = new.status.as_str();
    let substance_differs = old.status != status
        || old.reason != new.reason.as_str()
        || without_request_ids(&old.message) != without_request_ids(&new.message);
    if old.status != status {
        old.last_transition_time = meta::Time(now);
    }
    if substance_differs {
        status.clone_into(&mut old.status);
        new.reason.as_str().clone_into(&mut old.reason);
        old.message.clone_from(&new.message);
    }
    old.observed_generation = generation;
}

/// The same refusal has another request id each time; that is no news.
fn without_request_ids(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("(RequestId ") {
        let (head, tail) = rest.split_at(at);
        text.push_str(head);
        rest = tail.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use ecm_policy::listeners::{Listener, ListenerKey, Protocol, Settings};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn ready(report: &mut Report) {
        for part in [
            ConditionType::Accepted,
            ConditionType::LoadBalancerReady,
            ConditionType::AddressReady,
            ConditionType::ListenersReady,
            ConditionType::BackendsReady,
            ConditionType::InSync,
        ] {
            report.conditions.good(part, "fine");
        }
    }

    fn find<'a>(status: &'a PoolServiceStatus, kind: &str) -> &'a meta::Condition {
        status
            .conditions
            .as_ref()
            .unwrap()
            .iter()
            .find(|c| c.type_ == kind)
            .unwrap()
    }

    #[test]
    fn rule_9_2_the_same_report_changes_nothing() {
        let mut report = Report::default();
        ready(&mut report);
        let first = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        assert_eq!(status(&first, &report, Some(1), at(99)), first);
        assert_eq!(find(&first, "Ready").status, "True");
    }

    #[test]
    fn rule_4_4_a_listener_that_was_just_stopped_holds_an_address_that_nobody_knows() {
        let done = |result| {
            let step = Step::SetListener {
                load_balancer: "lb-1".to_owned(),
                listener: Listener {
                    key: ListenerKey {
                        port: 80,
                        protocol: Protocol::Tcp,
                    },
                    description: String::new(),
                    backend_port: 30_080,
                    settings: Settings {
                        scheduler: "rr".to_owned(),
                        persistence_timeout: None,
                        established_timeout: None,
                        healthy_threshold: None,
                        unhealthy_threshold: None,
                        health_check_interval: None,
                        health_check_connect_timeout: None,
                        health_check_connect_port: None,
                    },
                },
            };
            [Done { step, result }]
        };
        let after = |done: &[Done], published: &[String]| {
            let mut report = Report {
                addresses: Addresses::Publish {
                    ip: "1.2.3.4".to_owned(),
                    ports: Vec::new(),
                },
                ..Report::default()
            };
            ready(&mut report);
            hold_first_address(&mut report, done, published);
            let is_held = report.addresses == Addresses::Keep;
            assert_ne!(
                is_held,
                report.conditions.is_true(ConditionType::ListenersReady)
            );
            is_held
        };
        let stopped = done(Ok(Outcome::StoppedFirst));
        assert!(after(&stopped, &[]));
        assert!(!after(&stopped, &["1.2.3.4".to_owned()]));
        assert!(!after(&done(Ok(Outcome::Changed)), &[]));
        // The stop may have taken effect, or certainly has not.
        let action = ens_openapi::Action::new("StopLoadBalancerListener");
        let late = ens_openapi::Error::Deadline {
            action: action.clone(),
            after: std::time::Duration::from_secs(10),
        };
        assert!(after(&done(Err(late.into())), &[]));
        let refused = ens_openapi::Error::answer(action, "NoPermission", "no");
        assert!(!after(&done(Err(refused.into())), &[]));
    }

    #[test]
    fn rule_10_1_ready_follows_from_what_is_known_and_from_what_stands() {
        let mut report = Report::default();
        ready(&mut report);
        report.conditions.refuse(&Refusal::new(
            ConditionType::Accepted,
            Reason::InvalidAnnotation,
            "wrong",
        ));
        let wrong = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        assert_eq!(find(&wrong, "Ready").status, "False");
        // After a restart listeners and backends need not be read.
        let mut report = Report::default();
        for part in [
            ConditionType::Accepted,
            ConditionType::LoadBalancerReady,
            ConditionType::AddressReady,
            ConditionType::InSync,
        ] {
            report.conditions.good(part, "fine");
        }
        let right = status(&wrong, &report, Some(1), at(20));
        assert_eq!(
            find(&right, "ListenersReady"),
            find(&wrong, "ListenersReady")
        );
        let ready = find(&right, "Ready");
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("True", "AsExpected")
        );
    }

    #[test]
    fn rule_10_1_the_transition_time_moves_with_the_status_only() {
        let mut report = Report::default();
        ready(&mut report);
        let first = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        report
            .conditions
            .good(ConditionType::BackendsReady, "2 servers");
        let second = status(&first, &report, Some(1), at(20));
        assert_eq!(find(&second, "BackendsReady").message, "2 servers");
        assert_eq!(
            find(&second, "BackendsReady").last_transition_time,
            meta::Time(at(10))
        );
        report.conditions.set(
            ConditionType::BackendsReady,
            Status::False,
            Reason::NoReadyEndpoints,
            "none",
        );
        let third = status(&second, &report, Some(1), at(30));
        assert_eq!(
            find(&third, "BackendsReady").last_transition_time,
            meta::Time(at(30))
        );
        assert_eq!(find(&third, "Ready").reason, "NoReadyEndpoints");
    }

    #[test]
    fn rule_10_1_another_request_id_is_no_news() {
        let mut report = Report::default();
        ready(&mut report);
        let refuse = |report: &mut Report, id: &str| {
            report.conditions.set(
                ConditionType::LoadBalancerReady,
                Status::False,
                Reason::AccessDenied,
                format!("NoPermission: no (RequestId {id}). Ask."),
            );
        };
        refuse(&mut report, "A");
        let first = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        refuse(&mut report, "B");
        assert_eq!(status(&first, &report, Some(1), at(20)), first);
    }

    #[test]
    fn a_withdrawn_address_and_a_stale_id_are_named_in_the_patch() {
        let mut report = Report::default();
        ready(&mut report);
        report.addresses = Addresses::Publish {
            ip: "1.2.3.4".into(),
            ports: Vec::new(),
        };
        report.aggregate.insert("lb-id".into(), "lb-1".into());
        report.aggregate.insert("eip-id".into(), "eip-1".into());
        let first = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        report.addresses = Addresses::Withdraw;
        report.aggregate.remove("eip-id");
        let second = status(&first, &report, Some(1), at(20));
        let patch = patch("7", &first, &second);
        assert!(
            patch["status"]["loadBalancer"]
                .as_object()
                .unwrap()
                .contains_key("ingress")
        );
        assert!(patch["status"]["loadBalancer"]["ingress"].is_null());
        assert!(patch["status"]["aggregateToAnnotations"]["eip-id"].is_null());
        assert_eq!(patch["status"]["aggregateToAnnotations"]["lb-id"], "lb-1");
    }

    #[test]
    fn a_refused_signature_is_told_in_one_line_with_its_request_id() {
        let text = "DescribeVSwitches: SignatureDoesNotMatch: Specified signature does not match \
                    our calculation. server string to sign is:ACS3\nfdb2\nPOST (RequestId AB-1)";
        assert_eq!(
            on_one_line(text),
            "DescribeVSwitches: SignatureDoesNotMatch: Specified signature does not match our \
             calculation. (RequestId AB-1)"
        );
        assert_eq!(on_one_line("a\nb (RequestId X)"), "a b (RequestId X)");
    }

    #[test]
    fn what_a_plan_does_not_know_keeps_what_stands() {
        let mut report = Report::default();
        ready(&mut report);
        let first = status(&PoolServiceStatus::default(), &report, Some(1), at(10));
        assert_eq!(status(&first, &Report::default(), Some(1), at(20)), first);
    }
}
