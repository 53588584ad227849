//! A cloud as text, so that it can be stopped and started.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use super::limits::Buckets;
use super::resource::Region;
use super::schedule::Forwarding;
use super::transitions::Pending;
use super::{Cloud, Config, State};

/// The form of the text. Another form is refused.
const FORM: u32 = 3;

/// Why a saved cloud cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is not what [`Cloud::save`] wrote.
    #[error("it is not a saved cloud")]
    Malformed(#[source] serde_json::Error),
    /// Another version of this program saved it.
    #[error("it has form {0}, and this program reads form {FORM} only")]
    Form(u32),
}

/// What is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    form: u32,
    seed: u64,
    eip_pool: (Ipv4Addr, u32),
    next_eip: u32,
    regions: BTreeMap<String, Region>,
    accounts: BTreeMap<String, State>,
    pending: Pending,
    journal: Journal,
}

impl Cloud {
    /// Everything that exists and is under way, as JSON text, for [`Cloud::restore`]. Left out: the set-up, the text of
    /// past calls, open flows, the health of servers, used-up request rates, and what stale reads would show.
    ///
    /// # Errors
    /// None that the values of a cloud can cause; serde's signature has one.
    pub fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Saved {
            form: FORM,
            seed: self.rng.get_seed(),
            eip_pool: self.config.eip_pool,
            next_eip: self.next_eip,
            regions: self.regions.clone(),
            accounts: self.accounts.clone(),
            pending: self.pending.clone(),
            journal: self.journal.without_calls(),
        })
    }

    /// A saved cloud, with another set-up where that is wanted. Of `config`, the world and the EIP pool do not count.
    /// What fell due in the meantime happens at the first call, at the instants at which it was due.
    ///
    /// # Errors
    /// The text is not a saved cloud of this version.
    pub fn restore(mut config: Config, text: &str) -> Result<Self, RestoreError> {
        let saved: Saved = serde_json::from_str(text).map_err(RestoreError::Malformed)?;
        if saved.form != FORM {
            return Err(RestoreError::Form(saved.form));
        }
        config.eip_pool = saved.eip_pool;
        let mut accounts = saved.accounts;
        for state in accounts.values_mut() {
            state.restore();
        }
        accounts.entry(config.account.clone()).or_default();
        let eip_addresses = accounts
            .values()
            .flat_map(|state| state.eips.values())
            .map(|eip| eip.address)
            .collect();
        let mut journal = saved.journal;
        journal.index();
        Ok(Self {
            config,
            regions: saved.regions,
            accounts,
            pending: saved.pending,
            journal,
            buckets: Buckets::default(),
            rng: fastrand::Rng::with_seed(saved.seed),
            eip_addresses,
            next_eip: saved.next_eip,
            forwarding: Forwarding::default(),
            past: std::collections::VecDeque::new(),
        })
    }
}

/// A map as a list of pairs: JSON has no keys but texts.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(in super::super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Ord + Deserialize<'de>,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}
