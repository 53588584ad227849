//! What is logged: no secret, and what went wrong with which object.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecm_reconciler::queue::{Next, Rank, WorkQueue, run};
use ecm_testkit::invariants::Expect;
use ecm_testkit::sandbox::ACCESS_KEY_SECRET;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::trouble::Trouble;
use ecm_testkit::world::{Config, World};
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;
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
    /// Takes what this thread logs, all levels of all libraries, as long as the guard lives.
    fn capture(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("trace"))
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

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
    let _guard = log.capture();
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

#[tokio::test(start_paused = true)]
async fn rule_11_5_a_panic_is_logged_with_its_object_and_the_others_go_on() {
    let log = Log::default();
    let _guard = log.capture();
    let queue = WorkQueue::new(|bound| bound, |_: &String| Rank::default());
    let stop = CancellationToken::new();
    let done = Arc::new(Mutex::new(Vec::new()));
    let sync = {
        let done = done.clone();
        move |key: String| {
            let done = done.clone();
            async move {
                let is_first = !was_tried(&done, &key);
                done.lock().unwrap().push(key.clone());
                assert!(key == "shop/good" || !is_first, "a bug");
                Ok::<_, std::fmt::Error>(Next::Wait)
            }
        }
    };
    let running = tokio::spawn(run(
        "elb",
        queue.clone(),
        NonZeroUsize::MIN,
        stop.clone(),
        sync,
    ));
    queue.add("shop/bad".to_owned());
    queue.add("shop/good".to_owned());
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    running.await.unwrap();
    let times = |key: &str| done.lock().unwrap().iter().filter(|k| *k == key).count();
    assert_eq!((times("shop/bad"), times("shop/good")), (2, 1));
    let text = log.text();
    let told = text.lines().filter(|line| line.contains("sync panicked"));
    let told: Vec<&str> = told.collect();
    assert_eq!(told.len(), 1, "{text}");
    for part in ["ERROR", "shop/bad", "a bug", "elb"] {
        assert!(told[0].contains(part), "{part} is not in {told:?}");
    }
}

fn was_tried(done: &Mutex<Vec<String>>, key: &String) -> bool {
    done.lock().unwrap().contains(key)
}

#[test]
fn a_secret_in_a_line_is_noticed() {
    let line = format!("INFO credentials {ACCESS_KEY_SECRET}");
    assert_eq!(leak(&format!("one\n{line}\ntwo")), Some(line.as_str()));
}
