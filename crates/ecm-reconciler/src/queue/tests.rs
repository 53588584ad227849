use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::*;

fn queue() -> WorkQueue<&'static str> {
    WorkQueue::new(|bound| bound, |_| Rank::default())
}

fn ready(queue: &WorkQueue<&'static str>) -> Option<Lease<&'static str>> {
    queue.next(NonZeroUsize::MAX).now_or_never().flatten()
}

async fn advance(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_added_often_waits_once() {
    let queue = queue();
    queue.add("a");
    queue.add("b");
    queue.add("a");
    assert_eq!(*ready(&queue).unwrap().key(), "a");
    assert_eq!(*ready(&queue).unwrap().key(), "b");
    assert!(ready(&queue).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_key_never_runs_twice_at_once_and_runs_again_after() {
    let queue = queue();
    queue.add("a");
    let lease = ready(&queue).unwrap();
    queue.add("a");
    assert!(ready(&queue).is_none(), "handed out twice");
    drop(lease);
    assert_eq!(*ready(&queue).unwrap().key(), "a");
    assert!(ready(&queue).is_none(), "came back without being added");
}

#[tokio::test(start_paused = true)]
async fn a_busy_key_does_not_overtake_the_others() {
    let queue = queue();
    queue.add("busy");
    queue.add("quiet");
    let lease = ready(&queue).unwrap();
    queue.add("busy");
    drop(lease);
    assert_eq!(*ready(&queue).unwrap().key(), "quiet");
}

#[tokio::test(start_paused = true)]
async fn of_two_delays_the_earlier_one_wins() {
    for (first, second) in [(100, 300), (300, 100)] {
        let queue = queue();
        queue.add_after("a", Duration::from_millis(first));
        queue.add_after("a", Duration::from_millis(second));
        assert_eq!(queue.stats().later, 1);
        advance(99).await;
        assert!(ready(&queue).is_none());
        advance(1).await;
        drop(ready(&queue).unwrap());
        advance(1000).await;
        assert!(ready(&queue).is_none(), "the later delay was kept");
    }
}

#[tokio::test(start_paused = true)]
async fn an_add_comes_before_a_delay_and_replaces_it() {
    let queue = queue();
    queue.add_after("a", Duration::from_millis(100));
    queue.add("a");
    drop(ready(&queue).unwrap());
    advance(1000).await;
    assert!(ready(&queue).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_ends_while_the_key_runs_is_not_lost() {
    let queue = queue();
    queue.add("a");
    let lease = ready(&queue).unwrap();
    queue.add_after("a", Duration::from_millis(10));
    advance(10).await;
    assert!(ready(&queue).is_none());
    drop(lease);
    assert!(ready(&queue).is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_woken_by_an_add_a_delay_and_a_given_back_key() {
    let queue = queue();
    let woken = |queue: WorkQueue<&'static str>| async move {
        tokio::time::timeout(Duration::from_secs(60), queue.next(NonZeroUsize::MAX)).await
    };
    let waiting = tokio::spawn(woken(queue.clone()));
    tokio::task::yield_now().await;
    queue.add("a");
    let lease = waiting.await.unwrap().unwrap().unwrap();

    let waiting = tokio::spawn(woken(queue.clone()));
    queue.add("a");
    tokio::task::yield_now().await;
    drop(lease);
    drop(waiting.await.unwrap().unwrap().unwrap());

    let started = Instant::now();
    queue.add_after("b", Duration::from_secs(7));
    let lease = woken(queue.clone()).await.unwrap().unwrap();
    assert_eq!(*lease.key(), "b");
    assert_eq!(started.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_get_work_when_there_is_enough() {
    let queue = queue();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                queue
                    .next(NonZeroUsize::MAX)
                    .await
                    .map(|lease| *lease.key())
            })
        })
        .collect();
    tokio::task::yield_now().await;
    for key in ["a", "b", "c", "d"] {
        queue.add(key);
    }
    let mut keys = Vec::new();
    for task in waiting {
        keys.push(task.await.unwrap().unwrap());
    }
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b", "c", "d"]);
}

#[test]
fn backoff_doubles_from_five_milliseconds_to_five_minutes() {
    let millis: Vec<_> = (0..5).map(|n| backoff(n).as_millis()).collect();
    assert_eq!(millis, [5, 10, 20, 40, 80]);
    assert_eq!(backoff(15), Duration::from_millis(163_840));
    assert_eq!(backoff(16), MAX_BACKOFF);
    assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
}

#[test]
fn full_jitter_spreads_over_the_whole_range() {
    let bound = Duration::from_secs(10);
    assert_eq!(full_jitter(|| 0.0)(bound), Duration::ZERO);
    assert_eq!(full_jitter(|| 0.25)(bound), Duration::from_millis(2500));
    assert_eq!(full_jitter(|| 1.0)(bound), bound);
}

#[tokio::test(start_paused = true)]
async fn failures_count_per_key_and_are_forgotten_on_success() {
    let queue = queue();
    let fail = |key| queue.add_failed(key).as_millis();
    assert_eq!((fail("a"), fail("a"), fail("b"), fail("a")), (5, 10, 5, 20));
    queue.forget_failures(&"a");
    assert_eq!(fail("a"), 5);
    assert_eq!(queue.stats().failing, 2);
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_queue_hands_out_nothing_and_lets_waiters_go() {
    let queue = queue();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next(NonZeroUsize::MAX).await.is_none() })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.shut_down();
    queue.add("a");
    for task in waiting {
        assert!(task.await.unwrap());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[tokio::test(start_paused = true)]
async fn rule_11_5_a_panic_and_an_error_are_retried_and_do_not_disturb_other_keys() {
    let queue = queue();
    let stop = CancellationToken::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&tries);
    let runner = tokio::spawn(run(
        "test",
        queue.clone(),
        NonZeroUsize::MIN,
        stop.clone(),
        move |key: &'static str| {
            let seen = Arc::clone(&seen);
            async move {
                match (key, seen.fetch_add(1, Ordering::SeqCst)) {
                    ("bad", 0) => panic!("at the first try"),
                    ("bad", 1 | 2) => Err(NoLuck),
                    _ => Ok(Next::Wait),
                }
            }
        },
    ));
    queue.add("bad");
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.add("good");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 5);
    let stats = queue.stats();
    assert_eq!(
        stats.counts,
        Counts {
            succeeded: 2,
            failed: 2,
            panicked: 1
        }
    );
    assert_eq!(
        (stats.failing, stats.running, stats.due, stats.later),
        (0, 0, 0, 0)
    );
    stop.cancel();
    runner.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_runs_at_a_time_than_workers_and_a_stop_waits_for_them() {
    let queue = WorkQueue::new(|bound| bound, |_| Rank::default());
    let stop = CancellationToken::new();
    let (now, most, done) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let counters = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&done));
    let runner = tokio::spawn(run(
        "test",
        queue.clone(),
        NonZeroUsize::new(3).unwrap(),
        stop.clone(),
        move |_: u32| {
            let (now, most, done) = counters.clone();
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
                Ok::<_, NoLuck>(Next::Wait)
            }
        },
    ));
    for key in 0..7 {
        queue.add(key);
    }
    tokio::time::sleep(Duration::from_secs(15)).await;
    stop.cancel();
    runner.await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(
        done.load(Ordering::SeqCst),
        6,
        "two rounds of three, the seventh never began"
    );
    assert_eq!(now.load(Ordering::SeqCst), 0, "a run was cut off");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_asks_for_another_look_gets_it_in_time() {
    let queue = WorkQueue::new(|bound| bound, |_| Rank::default());
    let stop = CancellationToken::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&runs);
    let runner = tokio::spawn(run(
        "test",
        queue.clone(),
        NonZeroUsize::MIN,
        stop.clone(),
        move |_: u32| {
            seen.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, NoLuck>(Next::LookAgain(Duration::from_secs(10))) }
        },
    ));
    queue.add(1);
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    stop.cancel();
    runner.await.unwrap();
}

/// Runs a queue whose runs take this long and are `workers` of a group at a time; the keys are noted when they begin.
fn begin<K: Ord + Clone + fmt::Display + Send + Sync + 'static>(
    queue: &WorkQueue<K>,
    workers: usize,
    takes: impl Fn(&K) -> Duration + Send + Sync + 'static,
) -> Arc<Mutex<Vec<(K, Instant)>>> {
    let begun = Arc::<Mutex<Vec<(K, Instant)>>>::default();
    let seen = begun.clone();
    let workers = NonZeroUsize::new(workers).unwrap();
    let stop = CancellationToken::new();
    let handle = move |key: K| {
        let takes = takes(&key);
        seen.lock().unwrap().push((key, Instant::now()));
        async move {
            tokio::time::sleep(takes).await;
            Ok::<_, NoLuck>(Next::Wait)
        }
    };
    tokio::spawn(run("test", queue.clone(), workers, stop, handle));
    begun
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_deletion_behind_a_thousand_due_keys_has_the_next_free_worker() {
    let rank = |key: &u32| Rank {
        urgency: if *key == 0 {
            Urgency::Urgent
        } else {
            Urgency::Routine
        },
        ..Rank::default()
    };
    let queue = WorkQueue::new(|bound| bound, rank);
    for key in 1..=1000 {
        queue.add(key);
    }
    let begun = begin(&queue, 16, |_| Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let before = begun.lock().unwrap().len();
    queue.add_changed(0, Duration::from_millis(100));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(begun.lock().unwrap()[before].0, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_what_was_touched_goes_before_what_is_due_by_time_also_when_it_waits_or_fails() {
    let queue = queue();
    queue.add_after("first", Duration::from_millis(1));
    queue.add_after("later", Duration::from_millis(2));
    queue.add_changed("later", Duration::from_secs(100));
    queue.add_after("last", Duration::from_millis(3));
    queue.add("waits");
    queue.add_changed("waits", Duration::from_secs(100));
    advance(5).await;
    for key in ["waits", "later"] {
        assert_eq!(*ready(&queue).unwrap().key(), key);
    }
    queue.add_changed("fails", Duration::ZERO);
    let lease = ready(&queue).unwrap();
    queue.add_failed(*lease.key());
    drop(lease);
    advance(10).await;
    for key in ["fails", "first", "last"] {
        assert_eq!(*ready(&queue).unwrap().key(), key);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_deletion_does_not_wait_for_workers_that_never_come_back() {
    let queue = WorkQueue::new(
        |bound| bound,
        |key: &u32| Rank {
            urgency: if *key >= 100 {
                Urgency::Urgent
            } else {
                Urgency::Routine
            },
            group: "region".into(),
            turn: None,
        },
    );
    let two = NonZeroUsize::new(2).unwrap();
    let next = || queue.next(two).now_or_never().flatten();
    (0..10).for_each(|key| queue.add(key));
    let routine: Vec<_> = std::iter::from_fn(next).collect();
    assert_eq!(routine.len(), 2, "all workers of what is routine hang");
    (100..110).for_each(|key| queue.add(key));
    let urgent: Vec<_> = std::iter::from_fn(next).collect();
    let keys: Vec<u32> = urgent.iter().map(|lease| *lease.key()).collect();
    assert_eq!(
        keys,
        [100, 101],
        "and no more of them than there are workers"
    );
    drop(routine);
    let freed: Vec<u32> = std::iter::from_fn(next)
        .map(|lease| *lease.key())
        .take(3)
        .collect();
    assert!(freed.iter().all(|key| *key < 100), "{freed:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_groups_whose_keys_take_for_ever_keep_no_worker_from_another() {
    let group = |key: &u32| Rank {
        group: (key % 10).to_string().into(),
        ..Rank::default()
    };
    let queue = WorkQueue::new(|bound| bound, group);
    // Of ten groups nine hang.
    let begun = begin(&queue, 2, |key| match key % 10 {
        0 => Duration::from_secs(1),
        _ => Duration::from_secs(1_000_000),
    });
    let start = Instant::now();
    for key in 0..1000 {
        queue.add(key);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = begun.lock().unwrap();
    let of_group = |wanted| begun.iter().filter(move |(key, _)| key % 10 == wanted);
    assert_eq!(of_group(0).count(), 100);
    let last = of_group(0).map(|(_, at)| *at).max().unwrap();
    assert_eq!(last - start, Duration::from_secs(49), "two at a time");
    assert!((1..10).all(|hangs| of_group(hangs).count() == 2));
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_those_that_take_turns_wait_without_a_worker_and_the_urgent_one_is_next() {
    let queue = WorkQueue::new(
        |bound| bound,
        |key: &u32| Rank {
            urgency: if *key == 9 {
                Urgency::Urgent
            } else {
                Urgency::Routine
            },
            turn: (*key < 10).then(|| "lb-1".into()),
            ..Rank::default()
        },
    );
    let two = NonZeroUsize::new(2).unwrap();
    let next = || queue.next(two).now_or_never().flatten();
    (0..9).for_each(|key| queue.add(key));
    let first = next().unwrap();
    assert!(next().is_none(), "two have the same turn");
    queue.add(10);
    let other = next().expect("those that wait keep no worker");
    assert_eq!(*other.key(), 10);
    queue.add(9);
    assert!(next().is_none(), "two have the same turn");
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.next(two).await.map(|lease| *lease.key()) }
    });
    tokio::task::yield_now().await;
    drop(first);
    let mut keys = vec![waiting.await.unwrap().unwrap()];
    keys.extend(std::iter::from_fn(next).map(|lease| *lease.key()));
    assert_eq!(keys, [9, 1, 2, 3, 4, 5, 6, 7, 8], "each of them once");
    drop(other);
    assert_eq!(queue.stats().running, 0);
    assert!(queue.lock().turns.is_empty(), "a turn is kept");
}
