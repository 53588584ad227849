//! Temporary credentials, kept and fetched anew before they expire.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::io::FetchError;
use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::context::Context;

/// Temporary credentials.
#[derive(Clone, Debug)]
pub struct Temporary {
    /// The pair with its token.
    pub credentials: Credentials,
    /// When the cloud stops to take them.
    pub expires_at: DateTime<Utc>,
}

/// Fetches temporary credentials.
#[async_trait]
pub trait FetchCredentials: Send + Sync + fmt::Debug {
    /// Fetches new ones.
    ///
    /// # Errors
    /// When they cannot be had.
    async fn fetch(&self) -> Result<Temporary, CredentialsError>;
}

/// Keeps what a [`FetchCredentials`] gave and fetches anew at half of its life. One caller fetches; the others go on
/// with the old ones while those are valid, and wait otherwise. When fetching fails, takes longer than three seconds
/// or is given up by its caller, the old ones serve until they expire, and the next try is made after half a minute.
#[derive(Debug)]
pub struct RefreshingCredentials<F> {
    source: F,
    context: Context,
    held: Mutex<Option<Held>>,
    /// Held over an await on purpose: it is what lets one caller fetch for all.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    credentials: Arc<Credentials>,
    expires_at: DateTime<Utc>,
    refresh_at: DateTime<Utc>,
}

const PAUSE_AFTER_FAILURE: TimeDelta = TimeDelta::seconds(30);
/// How long a caller that could go on with valid credentials waits for new ones. A call has a deadline of its own,
/// which a source that never answers must not use up.
const PATIENCE: Duration = Duration::from_secs(3);

impl<F: FetchCredentials> RefreshingCredentials<F> {
    /// Keeps what `source` gives, by the clock of `context`.
    pub fn new(source: F, context: Context) -> Self {
        Self {
            source,
            context,
            held: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    fn held(&self) -> Option<Held> {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn hold(&self, held: Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    /// What is held and needs no refresh yet.
    fn fresh(&self) -> Option<Arc<Credentials>> {
        self.held()
            .filter(|held| self.context.now() < held.refresh_at)
            .map(|held| held.credentials)
    }

    /// What is held and still valid.
    fn valid(&self) -> Option<Held> {
        self.held()
            .filter(|held| self.context.now() < held.expires_at)
    }

    async fn refresh(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let Some(held) = self.valid() else {
            return self.fetch().await;
        };
        // Before the fetch: a caller that is dropped in the middle of it is a failure too.
        self.hold(Held {
            refresh_at: self.context.now() + PAUSE_AFTER_FAILURE,
            ..held.clone()
        });
        let fetched = match tokio::time::timeout(PATIENCE, self.fetch()).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Deadline(PATIENCE).of("the source of credentials")),
        };
        Ok(fetched.unwrap_or_else(|error| {
            tracing::warn!(%error, expires_at = %held.expires_at, "credentials could not be refreshed");
            held.credentials
        }))
    }

    async fn fetch(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let temporary = self.source.fetch().await?;
        let now = self.context.now();
        let credentials = Arc::new(temporary.credentials);
        self.hold(Held {
            credentials: Arc::clone(&credentials),
            expires_at: temporary.expires_at,
            refresh_at: now + (temporary.expires_at - now) / 2,
        });
        Ok(credentials)
    }
}

#[async_trait]
impl<F: FetchCredentials> ProvideCredentials for RefreshingCredentials<F> {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        if let Some(credentials) = self.fresh() {
            return Ok(credentials);
        }
        let _fetching = match (self.fetching.try_lock(), self.valid()) {
            (Ok(guard), _) => guard,
            (Err(_), Some(held)) => return Ok(held.credentials),
            (Err(_), None) => self.fetching.lock().await,
        };
        match self.fresh() {
            Some(credentials) => Ok(credentials),
            None => self.refresh().await,
        }
    }

    fn refused(&self, credentials: &Credentials) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Temporary pairs have an id of their own each: what was fetched meanwhile is kept.
        held.take_if(|held| held.credentials.access_key_id == credentials.access_key_id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use super::*;

    /// Gives credentials that live an hour, numbered, until it is told to fail.
    #[derive(Clone, Debug, Default)]
    struct Source {
        minutes: Arc<AtomicI64>,
        fetched: Arc<AtomicU32>,
        fails: Arc<std::sync::atomic::AtomicBool>,
        hangs: Arc<std::sync::atomic::AtomicBool>,
    }

    impl Source {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH + TimeDelta::minutes(self.minutes.load(Ordering::Relaxed))
        }

        fn pass(&self, minutes: i64) {
            self.minutes.fetch_add(minutes, Ordering::Relaxed);
        }

        fn provider(&self) -> RefreshingCredentials<Self> {
            let clock = self.clone();
            RefreshingCredentials::new(self.clone(), Context::new(move || clock.now(), || 0))
        }
    }

    #[async_trait]
    impl FetchCredentials for Source {
        async fn fetch(&self) -> Result<Temporary, CredentialsError> {
            tokio::task::yield_now().await;
            let number = self.fetched.fetch_add(1, Ordering::Relaxed) + 1;
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if self.fails.load(Ordering::Relaxed) {
                return Err(FetchError::Deadline(std::time::Duration::from_secs(1)).of("the test"));
            }
            Ok(Temporary {
                credentials: Credentials::new(number.to_string(), "secret"),
                expires_at: self.now() + TimeDelta::minutes(60),
            })
        }
    }

    async fn id(provider: &RefreshingCredentials<Source>) -> String {
        provider.credentials().await.unwrap().access_key_id.clone()
    }

    #[tokio::test]
    async fn credentials_are_kept_for_half_of_their_life() {
        let source = Source::default();
        let provider = source.provider();
        assert_eq!(id(&provider).await, "1");
        source.pass(29);
        assert_eq!(id(&provider).await, "1");
        source.pass(1);
        assert_eq!(id(&provider).await, "2");
    }

    #[tokio::test]
    async fn many_callers_cause_one_fetch() {
        let source = Source::default();
        let provider = source.provider();
        let (a, b, c) = tokio::join!(id(&provider), id(&provider), id(&provider));
        assert_eq!([a, b, c], ["1", "1", "1"]);
        assert_eq!(source.fetched.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn while_one_fetches_the_others_go_on_with_valid_ones() {
        let source = Source::default();
        let provider = source.provider();
        id(&provider).await;
        source.pass(40);
        let (first, second) = tokio::join!(id(&provider), id(&provider));
        assert_eq!((first.as_str(), second.as_str()), ("2", "1"));
    }

    #[tokio::test]
    async fn what_the_cloud_refused_is_fetched_anew_but_not_what_came_meanwhile() {
        let source = Source::default();
        let provider = source.provider();
        let first = provider.credentials().await.unwrap();
        provider.refused(&first);
        assert_eq!(id(&provider).await, "2");
        provider.refused(&first);
        assert_eq!(id(&provider).await, "2");
    }

    #[tokio::test]
    async fn old_ones_serve_until_they_expire_when_fetching_fails() {
        let source = Source::default();
        let provider = source.provider();
        id(&provider).await;
        source.fails.store(true, Ordering::Relaxed);
        source.pass(59);
        assert_eq!(id(&provider).await, "1");
        assert_eq!(id(&provider).await, "1");
        assert_eq!(
            source.fetched.load(Ordering::Relaxed),
            2,
            "after a failure there is a pause"
        );
        source.pass(1);
        assert!(provider.credentials().await.unwrap_err().is_transient());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_answers_does_not_use_up_the_calls_while_old_ones_are_valid() {
        let source = Source::default();
        let provider = source.provider();
        id(&provider).await;
        source.hangs.store(true, Ordering::Relaxed);
        source.pass(40);
        let start = tokio::time::Instant::now();
        assert_eq!(id(&provider).await, "1");
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(id(&provider).await, "1");
        assert_eq!(start.elapsed(), PATIENCE, "the next caller does not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_whose_caller_went_away_is_not_repeated_by_the_next_one_at_once() {
        let source = Source::default();
        let provider = source.provider();
        id(&provider).await;
        source.hangs.store(true, Ordering::Relaxed);
        source.pass(40);
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, id(&provider)).await.is_err());
        assert_eq!(id(&provider).await, "1");
        assert_eq!(source.fetched.load(Ordering::Relaxed), 2);
        source.hangs.store(false, Ordering::Relaxed);
        source.pass(1);
        assert_eq!(id(&provider).await, "3");
    }

    #[tokio::test]
    async fn a_hundred_callers_at_the_end_of_the_life_cause_one_fetch() {
        let source = Source::default();
        let provider = Arc::new(source.provider());
        id(&provider).await;
        source.pass(61);
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let provider = Arc::clone(&provider);
            callers.spawn(async move { id(&provider).await });
        }
        assert!(callers.join_all().await.iter().all(|id| id == "2"));
        assert_eq!(source.fetched.load(Ordering::Relaxed), 2);
    }
}
