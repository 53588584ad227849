//! Taking, keeping and giving back a Lease.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::record::{self, Sighting};
use super::{Leadership, LeaseClock, Source, Term};
use crate::clock::Clock;
use crate::report;

/// Which Lease, for whom, and the times.
///
/// The defaults are longer than client-go's 15, 10 and 2 seconds: what lies between lease duration
/// and renew deadline is the longest time that a call to the cloud may take, and calls that create
/// things take seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name. Replicas that must not write at the same time use the same one.
    pub name: String,
    /// Who this is. Another one for each process, even of one pod.
    pub identity: String,
    /// How long others leave a Lease alone that its holder does not renew. Whole seconds.
    pub lease_duration: Duration,
    /// How long the holder goes on without a renewal that succeeds. Shorter than the lease.
    pub renew_deadline: Duration,
    /// The time between two tries to renew; between two looks of those who wait, up to twice that.
    pub retry_period: Duration,
}

/// Times that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSettings {
    /// The holder would still write when others may take the Lease.
    #[error(
        "renew deadline {renew_deadline:?}: it has to be shorter than the lease duration, {lease_duration:?}"
    )]
    RenewDeadline {
        /// What was asked for.
        renew_deadline: Duration,
        /// What it has to be below.
        lease_duration: Duration,
    },
    /// One try that fails would already end the leadership.
    #[error(
        "retry period {retry_period:?}: it has to be more than zero and at most half of the renew deadline, {renew_deadline:?}"
    )]
    RetryPeriod {
        /// What was asked for.
        retry_period: Duration,
        /// What it depends on.
        renew_deadline: Duration,
    },
}

/// Why a replica leads no more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LostLeadership {
    /// It could not renew in time.
    #[error("Lease {lease} could not be renewed within {} s", deadline.as_secs_f64())]
    Expired {
        /// Namespace and name.
        lease: String,
        /// The renew deadline.
        deadline: Duration,
    },
    /// Somebody else has it, who did not wait for its end.
    #[error("Lease {lease} was taken by {holder:?}")]
    Taken {
        /// Namespace and name.
        lease: String,
        /// By whom.
        holder: String,
    },
}

impl Settings {
    /// The settings of `identity` for a Lease, with the times that `ecm run` has: 30, 20 and 4
    /// seconds.
    pub fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        identity: impl Into<String>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(30),
            renew_deadline: Duration::from_secs(20),
            retry_period: Duration::from_secs(4),
        }
    }

    /// The longest time that one write to the cloud may take (behaviour 11.4): a write that was
    /// begun at the last moment has ended when somebody else can have the Lease.
    pub fn write_deadline(&self) -> Duration {
        self.lease_duration.saturating_sub(self.renew_deadline)
    }

    fn check(&self) -> Result<(), InvalidSettings> {
        if self.renew_deadline >= self.lease_duration {
            return Err(InvalidSettings::RenewDeadline {
                renew_deadline: self.renew_deadline,
                lease_duration: self.lease_duration,
            });
        }
        if self.retry_period.is_zero() || self.retry_period > self.renew_deadline / 2 {
            return Err(InvalidSettings::RetryPeriod {
                retry_period: self.retry_period,
                renew_deadline: self.renew_deadline,
            });
        }
        Ok(())
    }
}

/// Takes a Lease when it is free, renews it, and says so through a [`Leadership`].
#[must_use = "nobody is elected before `run`"]
pub struct Elector {
    api: Api<Lease>,
    settings: Settings,
    clock: Arc<dyn LeaseClock>,
    wall: Clock,
    random: fn() -> f64,
    term: watch::Sender<Option<Term>>,
}

/// Why a call to the API server had no effect that we know of.
#[derive(Debug, Error)]
enum CallError {
    #[error("the API server refused or could not be reached")]
    Failed(#[from] kube::Error),
    #[error("no answer within {} s", .0.as_secs_f64())]
    Deadline(Duration),
}

/// What a try to renew came to.
enum Renewed {
    Yes(Box<Lease>),
    /// Somebody else holds it.
    No(String),
}

impl Elector {
    /// An elector and the leadership that it decides about. `clock` judges; `wall` only fills the
    /// timestamps that people read. `random` gives numbers in 0..1, which keep those who wait from
    /// all looking at once.
    ///
    /// # Errors
    /// When the times of the settings do not fit together.
    pub fn new(
        client: Client,
        settings: Settings,
        clock: impl LeaseClock,
        wall: Clock,
        random: fn() -> f64,
    ) -> Result<(Self, Leadership), InvalidSettings> {
        settings.check()?;
        let clock: Arc<dyn LeaseClock> = Arc::new(clock);
        let (sender, term) = watch::channel(None);
        let elector = Self {
            api: Api::namespaced(client, &settings.namespace),
            settings,
            clock: clock.clone(),
            wall,
            random,
            term: sender,
        };
        Ok((elector, Leadership(Source::Elected { clock, term })))
    }

    /// Waits for the Lease, takes it and keeps it, until `release` is cancelled; then gives it
    /// back. Cancel only when everything that writes has ended: another replica may write a moment
    /// later.
    ///
    /// # Errors
    /// When the Lease is lost. A replica that has lost it does not wait for it again: what its
    /// process remembers of the cloud was true while it led. End the process, and let another
    /// begin with what is.
    pub async fn run(self, release: CancellationToken) -> Result<(), LostLeadership> {
        let lease = tokio::select! {
            biased;
            () = release.cancelled() => return Ok(()),
            lease = self.acquire() => lease,
        };
        let lost = tokio::select! {
            biased;
            () = release.cancelled() => None,
            lost = self.keep(lease) => Some(lost),
        };
        self.term.send_replace(None);
        match lost {
            None => {
                self.give_back().await;
                Ok(())
            }
            Some(lost) => Err(lost),
        }
    }

    /// Waits until the Lease is ours.
    async fn acquire(&self) -> Lease {
        let mut sighting = None;
        let mut told = None;
        loop {
            let begun = self.clock.now();
            match self.call(self.try_acquire(&mut sighting)).await {
                Ok(Some(lease)) => {
                    let from = self.clock.now() + self.settings.write_deadline();
                    let until = begun + self.settings.renew_deadline;
                    self.term.send_replace(Some(Term { from, until }));
                    tracing::info!(lease = %self, identity = self.settings.identity, "leading");
                    return lease;
                }
                Ok(None) => {
                    let holder = sighting.as_ref().map(|s: &Sighting| s.holder().to_owned());
                    if told != holder {
                        tracing::info!(lease = %self, holder, "another replica leads: waiting");
                        told = holder;
                    }
                }
                Err(error) => {
                    tracing::warn!(lease = %self, error = report::chain(&error), "the Lease cannot be read or taken");
                }
            }
            let spread = (self.random)().clamp(0.0, 1.0);
            sleep(self.settings.retry_period.mul_f64(1.0 + spread)).await;
        }
    }

    /// Looks at the Lease and takes it if it is free.
    async fn try_acquire(
        &self,
        sighting: &mut Option<Sighting>,
    ) -> Result<Option<Lease>, kube::Error> {
        let current = self.api.get_opt(&self.settings.name).await?;
        // The time after the answer: when the record changed, we had not looked yet.
        let now = self.clock.now();
        if let Some(lease) = &current {
            *sighting = Some(Sighting::after(sighting.take(), lease, now));
        }
        // A Lease that was deleted still has a holder who does not know of that yet.
        let is_free = sighting.as_ref().is_none_or(|known| {
            let holder = known.holder();
            holder.is_empty()
                || holder == self.settings.identity
                || known.left(now, self.settings.lease_duration).is_zero()
        });
        if !is_free {
            return Ok(None);
        }
        let written = match current {
            Some(lease) => self.write(lease).await,
            None => self.create().await,
        };
        match written {
            Ok(lease) => Ok(Some(lease)),
            // Somebody was quicker; the next look shows who.
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Renews until the Lease is lost.
    async fn keep(&self, mut lease: Lease) -> LostLeadership {
        let mut is_failing = false;
        let mut next = self.settings.retry_period;
        loop {
            sleep(next.min(self.left())).await;
            if self.left().is_zero() {
                return self.expired();
            }
            let begun = self.clock.now();
            let result = self.call(self.renew(&lease)).await;
            // A renewal that came too late counts for nothing: whoever asked since was told "no".
            if self.left().is_zero() {
                return self.expired();
            }
            match result {
                Ok(Renewed::Yes(renewed)) => {
                    lease = *renewed;
                    let until = begun + self.settings.renew_deadline;
                    self.term.send_modify(|term| {
                        if let Some(term) = term {
                            term.until = until;
                        }
                    });
                    if std::mem::take(&mut is_failing) {
                        tracing::info!(lease = %self, "renewed again");
                    }
                }
                Ok(Renewed::No(holder)) => {
                    return LostLeadership::Taken {
                        lease: self.to_string(),
                        holder,
                    };
                }
                Err(error) => {
                    is_failing = true;
                    tracing::warn!(
                        lease = %self,
                        error = report::chain(&error),
                        left_ms = self.left().as_millis(),
                        "the Lease could not be renewed"
                    );
                }
            }
            next = self.settings.retry_period;
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Renewed, kube::Error> {
        match self.write(lease.clone()).await {
            Ok(lease) => return Ok(Renewed::Yes(Box::new(lease))),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {}
            Err(error) => return Err(error),
        }
        // Written by somebody: by us, where an answer was lost; by a person; or by another replica.
        let written = match self.api.get_opt(&self.settings.name).await? {
            Some(lease) => {
                let spec = lease.spec.clone().unwrap_or_default();
                if record::holder(&spec) != self.settings.identity {
                    return Ok(Renewed::No(record::holder(&spec).to_owned()));
                }
                self.write(lease).await
            }
            None => self.create().await,
        };
        written.map(|lease| Renewed::Yes(Box::new(lease)))
    }

    /// Gives the Lease back, so that another replica need not wait for its end. Best effort: it
    /// ends by itself.
    async fn give_back(&self) {
        let released = async {
            let Some(mut lease) = self.api.get_opt(&self.settings.name).await? else {
                return Ok(());
            };
            let spec = lease.spec.take().unwrap_or_default();
            if record::holder(&spec) != self.settings.identity {
                return Ok(());
            }
            lease.spec = Some(record::released(&spec, self.wall.now()));
            let params = PostParams::default();
            let replaced = self.api.replace(&self.settings.name, &params, &lease);
            replaced.await.map(|_| ())
        };
        match self.call(released).await {
            Ok(()) => tracing::info!(lease = %self, "released"),
            Err(error) => {
                tracing::warn!(lease = %self, error = report::chain(&error), "the Lease could not be released: others wait for its end");
            }
        }
    }

    /// Writes the Lease as ours. Its resourceVersion goes with it: the API server refuses what was
    /// decided on an older state.
    async fn write(&self, mut lease: Lease) -> Result<Lease, kube::Error> {
        lease.spec = Some(self.held(lease.spec.as_ref()));
        let params = PostParams::default();
        self.api.replace(&self.settings.name, &params, &lease).await
    }

    async fn create(&self) -> Result<Lease, kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.settings.name.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(self.held(None)),
        };
        self.api.create(&PostParams::default(), &lease).await
    }

    fn held(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        record::held(
            before,
            &self.settings.identity,
            self.settings.lease_duration,
            self.wall.now(),
        )
    }

    /// What is left of our term.
    fn left(&self) -> Duration {
        let until = self.term.borrow().map_or(Duration::ZERO, |term| term.until);
        until.saturating_sub(self.clock.now())
    }

    fn expired(&self) -> LostLeadership {
        LostLeadership::Expired {
            lease: self.to_string(),
            deadline: self.settings.renew_deadline,
        }
    }

    /// A call may take half of the renew deadline, so that there is time for another.
    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        let deadline = self.settings.renew_deadline / 2;
        match timeout(deadline, call).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(CallError::Deadline(deadline)),
        }
    }
}

/// Namespace and name of the Lease.
impl fmt::Display for Elector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.settings.namespace, self.settings.name)
    }
}

impl fmt::Debug for Elector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elector")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_would_let_two_replicas_write_are_refused_by_name() {
        let fits = Settings::new("kube-system", "lease", "a");
        assert_eq!(fits.check(), Ok(()));
        assert_eq!(fits.write_deadline(), Duration::from_secs(10));
        let late = Settings {
            renew_deadline: fits.lease_duration,
            ..fits.clone()
        };
        assert_eq!(
            late.check().unwrap_err().to_string(),
            "renew deadline 30s: it has to be shorter than the lease duration, 30s"
        );
        for retry_period in [Duration::ZERO, Duration::from_millis(10_001)] {
            let settings = Settings {
                retry_period,
                ..fits.clone()
            };
            assert!(matches!(
                settings.check(),
                Err(InvalidSettings::RetryPeriod { .. })
            ));
        }
    }
}
