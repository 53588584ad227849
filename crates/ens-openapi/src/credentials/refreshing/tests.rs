//! Everything runs on tokio's paused clock, and so does the time of day.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::*;

/// Gives credentials that live an hour, numbered, each after a second; or does what it is told to.
#[derive(Clone, Debug)]
struct Source {
    start: Instant,
    fetched: Arc<AtomicU32>,
    mood: Arc<Mutex<Mood>>,
    random: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
enum Mood {
    Gives,
    Fails,
    Hangs,
    Panics,
}

const SECOND: Duration = Duration::from_secs(1);

impl Source {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            fetched: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Gives)),
            random: Arc::default(),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::from_std(self.start.elapsed()).unwrap()
    }

    fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn fetched(&self) -> u32 {
        self.fetched.load(Ordering::Relaxed)
    }

    fn provider(&self) -> Arc<RefreshingCredentials<Self>> {
        let (clock, random) = (self.clone(), Arc::clone(&self.random));
        let context = Context::new(move || clock.now(), move || random.load(Ordering::Relaxed));
        Arc::new(RefreshingCredentials::new(self.clone(), context))
    }
}

#[async_trait]
impl FetchCredentials for Source {
    async fn fetch(&self) -> Result<Temporary, CredentialsError> {
        let number = self.fetched.fetch_add(1, Ordering::Relaxed) + 1;
        let mood = *self.mood.lock().unwrap();
        tokio::time::sleep(SECOND).await;
        match mood {
            Mood::Gives => Ok(Temporary {
                credentials: Credentials::new(number.to_string(), "secret"),
                expires_at: self.now() + TimeDelta::minutes(60),
            }),
            Mood::Fails => Err(FetchError::Deadline(SECOND).of("the test")),
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("on purpose"),
        }
    }
}

async fn id(provider: &RefreshingCredentials<Source>) -> String {
    provider.credentials().await.unwrap().access_key_id.clone()
}

/// Lets time pass, tasks included.
async fn pass(minutes: u64) {
    tokio::time::sleep(SECOND * 60 * u32::try_from(minutes).unwrap()).await;
}

/// The id, and how long the caller waited for it.
async fn timed(provider: &RefreshingCredentials<Source>) -> (String, Duration) {
    let start = Instant::now();
    (id(provider).await, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_refresh_starts_at_half_of_the_life_and_nobody_waits_for_it() {
    let source = Source::new();
    let provider = source.provider();
    assert_eq!(timed(&provider).await, ("1".to_owned(), SECOND));
    pass(29).await;
    assert_eq!(timed(&provider).await, ("1".to_owned(), Duration::ZERO));
    assert_eq!(source.fetched(), 1);
    pass(1).await;
    assert_eq!(timed(&provider).await, ("1".to_owned(), Duration::ZERO));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(timed(&provider).await, ("2".to_owned(), Duration::ZERO));
    assert_eq!(source.fetched(), 2);
}

#[tokio::test(start_paused = true)]
async fn chance_brings_a_refresh_forward_by_a_tenth_of_the_life() {
    let source = Source::new();
    source.random.store(u64::MAX, Ordering::Relaxed);
    let provider = source.provider();
    id(&provider).await;
    for (minutes, fetched) in [(23, 1), (1, 2)] {
        pass(minutes).await;
        id(&provider).await;
        tokio::task::yield_now().await;
        assert_eq!(source.fetched(), fetched, "{minutes} more minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_while_nobody_asks() {
    let source = Source::new();
    let provider = source.provider();
    id(&provider).await;
    pass(59).await;
    assert_eq!(source.fetched(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_cause_one_fetch_at_the_start_at_half_of_the_life_and_after_its_end() {
    let source = Source::new();
    let provider = source.provider();
    for (minutes, given, fetched) in [(0, "1", 1), (31, "1", 2), (61, "3", 3)] {
        pass(minutes).await;
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let provider = Arc::clone(&provider);
            callers.spawn(async move { id(&provider).await });
        }
        assert!(callers.join_all().await.iter().all(|id| id == given));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(source.fetched(), fetched);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_refused_is_fetched_anew_but_not_what_came_meanwhile() {
    let source = Source::new();
    let provider = source.provider();
    let first = provider.credentials().await.unwrap();
    provider.refused(&first);
    assert_eq!(id(&provider).await, "2");
    provider.refused(&first);
    assert_eq!(id(&provider).await, "2");
}

#[tokio::test(start_paused = true)]
async fn when_refreshing_fails_the_old_ones_serve_until_they_expire() {
    let source = Source::new();
    let provider = source.provider();
    id(&provider).await;
    source.is_now(Mood::Fails);
    for _ in 0..59 {
        pass(1).await;
        assert_eq!(timed(&provider).await, ("1".to_owned(), Duration::ZERO));
    }
    assert!(source.fetched() > 10, "it is tried again and again");
    pass(2).await;
    let error = provider.credentials().await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "the test gives no credentials");
    source.is_now(Mood::Gives);
    pass(1).await;
    let given = id(&provider).await;
    assert_eq!(given, source.fetched().to_string());
}

/// The next nine pauses in seconds, from a failure to the next fetch, while somebody asks four times a second.
async fn pauses(source: &Source, provider: &RefreshingCredentials<Source>) -> Vec<u64> {
    let mut started = Vec::new();
    while started.len() < 10 {
        let before = source.fetched();
        // Within a pause nobody waits, and during a fetch this one does not.
        drop(tokio::time::timeout(Duration::ZERO, provider.credentials()).await);
        tokio::task::yield_now().await;
        if source.fetched() > before {
            started.push(Instant::now());
        }
        tokio::time::sleep(SECOND / 4).await;
    }
    let gaps = started.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.map(|gap| gap.as_secs() - 1).collect()
}

#[tokio::test(start_paused = true)]
async fn the_pause_between_failures_doubles_up_to_a_minute_while_the_old_ones_serve() {
    let source = Source::new();
    source.random.store(u64::MAX, Ordering::Relaxed);
    let provider = source.provider();
    id(&provider).await;
    source.is_now(Mood::Fails);
    pass(30).await;
    assert_eq!(
        pauses(&source, &provider).await,
        [1, 2, 4, 8, 16, 32, 60, 60, 60]
    );
    assert_eq!(timed(&provider).await, ("1".to_owned(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_valid_a_source_that_recovers_is_noticed_within_seconds() {
    let source = Source::new();
    source.random.store(u64::MAX, Ordering::Relaxed);
    let provider = source.provider();
    source.is_now(Mood::Fails);
    assert_eq!(
        pauses(&source, &provider).await,
        [1, 2, 4, 5, 5, 5, 5, 5, 5]
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_ends_with_what_was_held() {
    let source = Source::new();
    source.random.store(u64::MAX, Ordering::Relaxed);
    let provider = source.provider();
    id(&provider).await;
    source.is_now(Mood::Fails);
    // Until the pauses are a minute long, and one has just begun when the old pair expires.
    pass(50).await;
    pauses(&source, &provider).await;
    let expires = Duration::from_secs(3601);
    let until = |instant: Instant| expires.saturating_sub(instant - source.start);
    while until(Instant::now()) > SECOND * 2 {
        tokio::time::sleep(SECOND).await;
        drop(tokio::time::timeout(Duration::ZERO, provider.credentials()).await);
    }
    tokio::time::sleep(SECOND * 4).await;
    source.is_now(Mood::Gives);
    let given = tokio::time::timeout(SECOND * 7, async {
        loop {
            if let Ok(given) = provider.credentials().await {
                break given;
            }
            tokio::time::sleep(SECOND / 4).await;
        }
    });
    assert_ne!(given.await.unwrap().access_key_id, "1");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_takes_nothing_from_those_who_hold_valid_ones() {
    let source = Source::new();
    let provider = source.provider();
    id(&provider).await;
    source.is_now(Mood::Hangs);
    for minute in 1..60 {
        pass(1).await;
        assert_eq!(
            timed(&provider).await,
            ("1".to_owned(), Duration::ZERO),
            "minute {minute}"
        );
    }
    pass(5).await;
    let start = Instant::now();
    let error = provider.credentials().await.unwrap_err();
    assert!(error.is_transient());
    assert!(start.elapsed() <= LOST, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_takes_nothing_from_the_others() {
    let source = Source::new();
    let provider = source.provider();
    let gives_up = tokio::time::timeout(SECOND / 2, id(&provider));
    let (gone, given) = tokio::join!(gives_up, id(&provider));
    assert!(gone.is_err());
    assert_eq!(given, "1");
    // Even the only one.
    pass(61).await;
    assert!(
        tokio::time::timeout(SECOND / 2, id(&provider))
            .await
            .is_err()
    );
    tokio::time::sleep(SECOND).await;
    assert_eq!(timed(&provider).await, ("2".to_owned(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_an_error_and_is_asked_again() {
    let source = Source::new();
    let provider = source.provider();
    source.is_now(Mood::Panics);
    let error = provider.credentials().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    source.is_now(Mood::Gives);
    assert_eq!(id(&provider).await, "3");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_stops_when_nobody_is_left_to_want_it() {
    let source = Source::new();
    let provider = source.provider();
    assert!(
        tokio::time::timeout(SECOND / 2, id(&provider))
            .await
            .is_err()
    );
    let shared = Arc::downgrade(&provider.shared);
    drop(provider);
    tokio::task::yield_now().await;
    assert!(shared.upgrade().is_none(), "its task is gone with it");
}

/// Runs on real runtimes: the point is that one of them goes away.
#[test]
fn a_runtime_that_goes_away_takes_only_its_fetch_with_it() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let first = runtime();
    let source = first.block_on(async { Source::new() });
    let context = Context::new(|| DateTime::UNIX_EPOCH, || 0);
    let provider = RefreshingCredentials::new(source.clone(), context);
    first.block_on(async {
        assert!(
            tokio::time::timeout(SECOND / 2, id(&provider))
                .await
                .is_err()
        );
    });
    drop(first);
    assert_eq!(runtime().block_on(id(&provider)), "2");
}

#[test]
fn outside_of_a_runtime_what_is_valid_is_given_and_what_is_not_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let source = runtime.block_on(async { Source::new() });
    let provider = RefreshingCredentials::new(source, Context::new(|| DateTime::UNIX_EPOCH, || 0));
    let outside = || futures::FutureExt::now_or_never(provider.credentials()).unwrap();
    let error = outside().unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    runtime.block_on(id(&provider));
    assert_eq!(outside().unwrap().access_key_id, "1");
}
