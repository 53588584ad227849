//! Whose the credentials are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use ens_openapi::{Credentials, StaticCredentials, sts};
use support::{Script, Step};

const ANSWER: &str = r#"{"AccountId": "1234567890123456", "Arn": "acs:ram::1234567890123456:user/ecm",
    "IdentityType": "RAMUser", "PrincipalId": "2", "UserId": "2", "RequestId": "R-1"}"#;

fn client(script: &Script) -> ens_openapi::Client {
    sts::client(StaticCredentials::new(Credentials::new("id", "secret")))
        .transport(script.clone())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_account_is_asked_of_sts_in_its_own_version() {
    let script = Script::new([Step::ok(ANSWER)]);
    let who = client(&script).send(&sts::GetCallerIdentity {}).await;
    assert_eq!(who.unwrap().account_id, "1234567890123456");
    let sent = &script.sent()[0];
    assert_eq!(sent.uri.to_string(), "https://sts.aliyuncs.com/");
    assert_eq!(sent.header("x-acs-action"), "GetCallerIdentity");
    assert_eq!(sent.header("x-acs-version"), "2015-04-01");
}

#[tokio::test(start_paused = true)]
async fn asking_again_changes_nothing_and_is_done_when_sts_is_busy() {
    let busy = Step::error(503, "ServiceUnavailable");
    let script = Script::new([busy, Step::ok(ANSWER)]);
    let who = client(&script).send(&sts::GetCallerIdentity {}).await;
    assert_eq!(
        who.unwrap().arn.as_deref(),
        Some("acs:ram::1234567890123456:user/ecm")
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_account_is_no_answer() {
    for body in [r#"{"RequestId": "R"}"#, r#"{"AccountId": ""}"#] {
        let script = Script::new([Step::ok(body)]);
        let who = client(&script).send(&sts::GetCallerIdentity {}).await;
        who.expect_err("there is no account in it");
    }
}
