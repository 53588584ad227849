//! Credentials of one account, whatever their source gives later (behaviour 5.7).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ens_openapi::Credentials;
use ens_openapi::credentials::{CredentialsError, ProvideCredentials};
use thiserror::Error;
use tokio::sync::Mutex;

/// Gives what another source gives, as long as that is of the account that the first were of.
///
/// A mounted Secret, a profile or a role can be changed while a controller runs. With the keys of another account a cloud
/// looks empty: what was made would seem to be gone, and be made again there. So whenever the source gives another
/// AccessKey, whose it is is asked before anything is signed with it.
#[derive(Debug)]
pub struct OneAccount<P, A> {
    source: P,
    account: String,
    ask: A,
    /// Id of the AccessKey that was asked about last, and its account. Who comes while somebody asks waits for that answer.
    known: Mutex<Option<(String, String)>>,
}

/// Says whose credentials are, as STS does with `GetCallerIdentity`.
#[async_trait]
pub trait AskAccount: Send + Sync + fmt::Debug {
    /// The account of these credentials. An implementation gives up after some seconds.
    ///
    /// # Errors
    /// When nobody answers.
    async fn account_of(
        &self,
        credentials: Arc<Credentials>,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// The credentials are of another account.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "they are of cloud account {found} now: give credentials of account {account}, or restart with those of {found} and see \
     what CloudAccountMismatch says"
)]
struct OtherAccount {
    account: String,
    found: String,
}

impl<P, A> OneAccount<P, A> {
    /// The credentials of `source`, which have to be of `account`.
    pub fn new(source: P, account: impl Into<String>, ask: A) -> Self {
        Self {
            source,
            account: account.into(),
            ask,
            known: Mutex::default(),
        }
    }
}

#[async_trait]
impl<P: ProvideCredentials, A: AskAccount> ProvideCredentials for OneAccount<P, A> {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let credentials = self.source.credentials().await?;
        let id = &credentials.access_key_id;
        let mut known = self.known.lock().await;
        let refused = |is_transient, source| CredentialsError::Provider {
            provider: format!("AccessKey {id}").into(),
            is_transient,
            source,
        };
        let found = if let Some((_, account)) = known.as_ref().filter(|(known, _)| known == id) {
            account.clone()
        } else {
            let asked = self.ask.account_of(Arc::clone(&credentials)).await;
            let found = asked.map_err(|error| refused(true, error))?;
            *known = Some((id.clone(), found.clone()));
            found
        };
        if found != self.account {
            let account = self.account.clone();
            return Err(refused(false, Box::new(OtherAccount { account, found })));
        }
        Ok(credentials)
    }

    fn refused(&self, credentials: &Credentials) {
        self.source.refused(credentials);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Gives the AccessKey of this id.
    #[derive(Debug)]
    struct Source(StdMutex<&'static str>);

    #[async_trait]
    impl ProvideCredentials for Source {
        async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
            Ok(Arc::new(Credentials::new(
                *self.0.lock().unwrap(),
                "secret",
            )))
        }
    }

    /// The account of an AccessKey is what stands before the dash in its id; nobody knows those that have none.
    #[derive(Debug, Default)]
    struct Sts(AtomicUsize);

    #[async_trait]
    impl AskAccount for Sts {
        async fn account_of(
            &self,
            credentials: Arc<Credentials>,
        ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let (account, _) = credentials
                .access_key_id
                .split_once('-')
                .ok_or("no answer")?;
            Ok(account.to_owned())
        }
    }

    fn of(id: &'static str) -> OneAccount<Source, Sts> {
        OneAccount::new(Source(StdMutex::new(id)), "1", Sts::default())
    }

    #[tokio::test]
    async fn rule_5_7_an_access_key_is_asked_about_once() {
        let all = of("1-a");
        for id in ["1-a", "1-a", "1-b", "1-b"] {
            *all.source.0.lock().unwrap() = id;
            assert_eq!(all.credentials().await.unwrap().access_key_id, id);
        }
        assert_eq!(all.ask.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn rule_5_7_keys_of_another_account_sign_nothing_and_the_right_ones_do_again() {
        let all = of("1-a");
        all.credentials().await.unwrap();
        *all.source.0.lock().unwrap() = "2-a";
        let error = all.credentials().await.unwrap_err();
        assert!(!error.is_transient());
        let CredentialsError::Provider { source, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(source.to_string().contains("account 2 now"), "{source}");
        assert!(!format!("{error} {error:?} {source}").contains("secret"));
        *all.source.0.lock().unwrap() = "1-a";
        all.credentials().await.unwrap();
    }

    #[tokio::test]
    async fn rule_5_7_where_nobody_says_whose_new_keys_are_they_wait() {
        let all = of("nobody");
        assert!(all.credentials().await.unwrap_err().is_transient());
    }
}
