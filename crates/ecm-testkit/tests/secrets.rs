//! What is told to people, to logs and to metrics holds no secret.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::sandbox::ACCESS_KEY_SECRET;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::trouble::Trouble;
use ecm_testkit::world::{Config, World};
use serde_json::json;
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// The secret itself, or what is made with it.
fn leak(text: &str) -> Option<&str> {
    let secrets = [ACCESS_KEY_SECRET, "Signature=", "ACS3-HMAC-SHA256"];
    text.lines()
        .find(|line| secrets.iter().any(|secret| line.contains(secret)))
}

/// Two replicas bring the guide up and change it, everything that can go wrong with a call goes wrong with one, and all
/// levels of all libraries are logged.
#[tokio::test(start_paused = true)]
async fn rule_10_5_no_secret_is_in_logs_events_conditions_or_ledgers() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("trace"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let config = Config {
        replicas: 2,
        ..Config::default()
    };
    let world = World::without_controllers(config, 3).unwrap();
    for (call, (_, trouble)) in (20..).step_by(9).zip(Trouble::ALL) {
        world.plan(call, trouble);
    }
    world.start_process();
    world.apply(guide::daemon_set()).unwrap();
    for ports in [&[(80, 80)][..], &[(80, 80), (443, 80)]] {
        world.apply(guide::service(json!({}), ports)).unwrap();
        sleep(Duration::from_secs(30)).await;
        assert!(settle(&world, Expect::Serving).await);
    }
    let written = log.text();
    assert!(
        written.contains("leading") && written.lines().count() > 100,
        "nothing is logged"
    );
    assert_eq!(leak(&written), None);
    let objects = [
        world.view().pool_services.as_slice(),
        &world.view().services,
    ]
    .concat();
    assert_eq!(leak(&json!(objects).to_string()), None);
    // Events, and every other write to the API server.
    let transcript = world.transcript().to_string();
    assert!(transcript.contains("/events"));
    assert_eq!(leak(&transcript), None);
}

#[test]
fn a_secret_in_a_line_is_noticed() {
    let line = format!("INFO credentials {ACCESS_KEY_SECRET}");
    assert_eq!(leak(&format!("one\n{line}\ntwo")), Some(line.as_str()));
}
