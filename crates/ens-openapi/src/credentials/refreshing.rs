//! Temporary credentials, kept and fetched anew before they expire.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::io::FetchError;
use super::{Credentials, CredentialsError, ProvideCredentials};
use crate::context::Context;

/// Keeps what a [`FetchCredentials`] gave, and fetches anew about half way through its life.
///
/// | what is held | what a caller gets |
/// |---|---|
/// | valid | it, at once, whatever a refresh does |
/// | valid, past half of its life | the same; the first such caller starts a refresh that nobody waits for |
/// | nothing, or what has expired | what the one running fetch gives, to all who wait for it |
///
/// Up to a tenth of the life is taken off the half by chance, so that processes that were started together do not come
/// back together. Nothing is fetched while nobody asks.
///
/// A fetch that fails, or takes longer than 30 s, leaves what is held as it is. The next one starts after a pause
/// of 1 s that doubles, each between a half and the whole of that by chance. While something valid is held it doubles up to
/// 1 min. Where nothing is, it ends at 5 s: a source that recovers is soon noticed, and within the pause callers get the
/// last failure at once.
///
/// # Where the fetch runs
///
/// In a task on the tokio runtime of the caller that started it, so that a caller that is dropped takes nothing from the
/// others. The task ends with the fetch, and is stopped when this value is dropped. Where the source panics, or a runtime
/// goes away with the task in it or is not driven any more, the next caller starts another one on its own. Outside of a
/// runtime, what is valid is given out and nothing is fetched.
#[derive(Debug)]
pub struct RefreshingCredentials<F> {
    shared: Arc<Shared<F>>,
}

/// How long one fetch may take. The sources of this crate have shorter deadlines of their own.
const DEADLINE: Duration = Duration::from_secs(30);
/// A fetch that is older has lost the runtime that drove it, or it would have ended by its own deadline.
const LOST: Duration = Duration::from_secs(31);
/// The pause after a first failure.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause that repeated failures lead to, while callers are served with what is held.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The same where nothing valid is held, and every call fails until the source is asked again.
const LONGEST_OUTAGE: Duration = Duration::from_secs(5);
/// The name of a source that cannot say its own in an error.
const SOURCE: &str = "the source of temporary credentials";

/// What the callers and the fetch have in common.
#[derive(Debug)]
struct Shared<F> {
    source: F,
    context: Context,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    running: Option<Running>,
    /// The failures since the last success.
    failure: Option<Failure>,
    /// How many fetches were started.
    started: u64,
}

#[derive(Debug)]
struct Held {
    credentials: Arc<Credentials>,
    expires_at: DateTime<Utc>,
    refresh_at: DateTime<Utc>,
}

/// What a fetch gave. All who wait share its error.
type Outcome = Result<Arc<Credentials>, Arc<CredentialsError>>;
/// Where the outcome will be; closed without one when the task is gone.
type Coming = watch::Receiver<Option<Outcome>>;

#[derive(Debug)]
struct Running {
    number: u64,
    since: Instant,
    coming: Coming,
    task: AbortHandle,
}

#[derive(Debug)]
struct Failure {
    error: Arc<CredentialsError>,
    in_a_row: u32,
    /// When the source may be asked again while something valid is held. By the monotonic clock: a pause must not grow
    /// when somebody sets the time of day.
    pause_until: Instant,
    /// The same where nothing valid is held.
    outage_until: Instant,
}

/// What a caller does next.
enum Next {
    Take(Outcome),
    Await(Coming),
}

impl<F: FetchCredentials + 'static> RefreshingCredentials<F> {
    /// Keeps what `source` gives, by the clock of `context`.
    pub fn new(source: F, context: Context) -> Self {
        Self {
            shared: Arc::new(Shared {
                source,
                context,
                state: Mutex::default(),
            }),
        }
    }
}

impl<F> Drop for RefreshingCredentials<F> {
    fn drop(&mut self) {
        if let Some(running) = self.shared.state().running.take() {
            running.task.abort();
        }
    }
}

#[async_trait]
impl<F: FetchCredentials + 'static> ProvideCredentials for RefreshingCredentials<F> {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        // Twice: the fetch that was found running may be lost. One that was started here is not.
        for _ in 0..2 {
            let mut coming = match self.shared.next()? {
                Next::Take(outcome) => return outcome.map_err(CredentialsError::Shared),
                Next::Await(coming) => coming,
            };
            let outcome = tokio::time::timeout(LOST, coming.wait_for(Option::is_some)).await;
            if let Ok(Ok(outcome)) = outcome
                && let Some(outcome) = outcome.clone()
            {
                return outcome.map_err(CredentialsError::Shared);
            }
        }
        Err(CredentialsError::Provider {
            provider: SOURCE.into(),
            is_transient: true,
            source: "the task that fetched them is gone".into(),
        })
    }

    fn refused(&self, credentials: &Credentials) {
        // Temporary pairs have an id of their own each: what was fetched meanwhile is kept.
        self.shared
            .state()
            .held
            .take_if(|held| held.credentials.access_key_id == credentials.access_key_id);
    }
}

impl<F> Shared<F> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: FetchCredentials + 'static> Shared<F> {
    /// Decides for one caller, and starts a fetch where one is due and none is running.
    fn next(self: &Arc<Self>) -> Result<Next, CredentialsError> {
        let (now, instant) = (self.context.now(), Instant::now());
        let mut state = self.state();
        let held = state.held.as_ref().filter(|held| now < held.expires_at);
        let valid = held.map(|held| Arc::clone(&held.credentials));
        let is_due = held.is_none_or(|held| now >= held.refresh_at);
        let running = state.running.as_ref().filter(|fetch| {
            instant.duration_since(fetch.since) < LOST && fetch.coming.has_changed().is_ok()
        });
        let coming = running.map(|fetch| fetch.coming.clone());
        let failure = state.failure.as_ref();
        let pausing = failure.filter(|failure| {
            let until = valid
                .as_ref()
                .map_or(failure.outage_until, |_| failure.pause_until);
            instant < until
        });
        let pausing = pausing.map(|failure| Arc::clone(&failure.error));
        match (valid, coming, pausing) {
            (Some(valid), None, None) if is_due => {
                // Without a runtime there is no refresh; that is not this caller's trouble yet.
                if let Ok(runtime) = Handle::try_current() {
                    self.start(&mut state, &runtime, instant);
                }
                Ok(Next::Take(Ok(valid)))
            }
            (Some(valid), ..) => Ok(Next::Take(Ok(valid))),
            (None, Some(coming), _) => Ok(Next::Await(coming)),
            (None, None, Some(error)) => Ok(Next::Take(Err(error))),
            (None, None, None) => {
                let runtime = Handle::try_current().map_err(|_| CredentialsError::NotSetUp {
                    reason: "temporary credentials are fetched on a tokio runtime, and there is none here",
                })?;
                Ok(Next::Await(self.start(&mut state, &runtime, instant)))
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, runtime: &Handle, since: Instant) -> Coming {
        state.started += 1;
        let number = state.started;
        let (tell, coming) = watch::channel(None);
        let shared = Arc::clone(self);
        let task = runtime.spawn(async move {
            let fetched = tokio::time::timeout(DEADLINE, shared.source.fetch()).await;
            let fetched =
                fetched.unwrap_or_else(|_| Err(FetchError::Deadline(DEADLINE).of(SOURCE)));
            let outcome = shared.settle(number, fetched);
            tell.send_replace(Some(outcome));
        });
        let lost = state.running.replace(Running {
            number,
            since,
            coming: coming.clone(),
            task: task.abort_handle(),
        });
        if let Some(lost) = lost {
            lost.task.abort();
        }
        coming
    }

    /// Takes in what a fetch gave.
    fn settle(&self, number: u64, fetched: Result<Temporary, CredentialsError>) -> Outcome {
        let (now, instant) = (self.context.now(), Instant::now());
        let mut state = self.state();
        // One that was taken for lost and ends after all serves those who wait for it, and changes nothing else.
        let is_current = state
            .running
            .take_if(|running| running.number == number)
            .is_some();
        match fetched {
            Ok(Temporary {
                credentials,
                expires_at,
            }) => {
                let credentials = Arc::new(credentials);
                if is_current {
                    state.failure = None;
                    state.held = Some(Held {
                        credentials: Arc::clone(&credentials),
                        expires_at,
                        refresh_at: self.refresh_at(now, expires_at),
                    });
                }
                Ok(credentials)
            }
            Err(error) => {
                let error = Arc::new(error);
                if is_current {
                    let before = state.failure.as_ref().map_or(0, |failure| failure.in_a_row);
                    let pause = self.pause(before, LONGEST_PAUSE);
                    state.failure = Some(Failure {
                        error: Arc::clone(&error),
                        in_a_row: before.saturating_add(1),
                        pause_until: instant + pause,
                        outage_until: instant + self.pause(before, LONGEST_OUTAGE),
                    });
                    if let Some(held) = state.held.as_ref().filter(|held| now < held.expires_at) {
                        tracing::warn!(%error, expires_at = %held.expires_at, ?pause, "credentials could not be refreshed");
                    }
                }
                Err(error)
            }
        }
    }

    /// Half way through the life, less up to a tenth of it by chance.
    fn refresh_at(&self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
        let life = (expires_at - now).to_std().unwrap_or_default();
        let early = self.context.jitter(life / 10);
        let after = TimeDelta::from_std((life / 2).saturating_sub(early)).unwrap_or(TimeDelta::MAX);
        now.checked_add_signed(after).unwrap_or(expires_at)
    }

    /// The pause after a failure that `before` others came before.
    fn pause(&self, before: u32, longest: Duration) -> Duration {
        let whole = SHORTEST_PAUSE
            .saturating_mul(2_u32.saturating_pow(before))
            .min(longest);
        whole / 2 + self.context.jitter(whole / 2)
    }
}

/// Temporary credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Temporary {
    /// The pair with its token.
    pub credentials: Credentials,
    /// When the cloud stops to take them.
    pub expires_at: DateTime<Utc>,
}

impl Temporary {
    /// Credentials that the cloud takes until then.
    pub fn new(credentials: Credentials, expires_at: DateTime<Utc>) -> Self {
        Self {
            credentials,
            expires_at,
        }
    }
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

#[cfg(test)]
mod tests;
