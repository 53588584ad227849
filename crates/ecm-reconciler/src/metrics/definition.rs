//! What each metric is: its name, kind, labels and meaning. The registry and the reference of
//! metrics are both made from here.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name, without the prefix `ecm_` and the suffix that OpenMetrics adds.
    pub name: &'static str,
    /// What it counts or measures.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, without a full stop: OpenMetrics adds one.
    pub help: &'static str,
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It is as it is now.
    Gauge,
    /// It says how often what was measured was how large.
    Histogram,
}

impl Kind {
    /// As OpenMetrics spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Definition {
    /// Its name as a scrape shows it.
    pub fn full_name(&self) -> String {
        let suffix = if self.kind == Kind::Counter {
            "_total"
        } else {
            ""
        };
        format!("ecm_{}{suffix}", self.name)
    }
}

/// All metrics, in the order of the reference.
pub const DEFINITIONS: [Definition; 10] = [
    LEADER,
    CLOUD_REQUESTS,
    CLOUD_REQUEST_DURATION,
    CLOUD_RATE_LIMIT_WAIT,
    QUEUE_KEYS,
    SYNCS,
    SYNC_DURATION,
    TIME_TO_ADDRESS,
    POOL_SERVICES,
    DRIFT_REPAIRED,
];

pub(super) const LEADER: Definition = Definition {
    name: "leader",
    kind: Kind::Gauge,
    labels: &["controller"],
    help: "1 where this replica leads; controller is fan-out or elb",
};

pub(super) const CLOUD_REQUESTS: Definition = Definition {
    name: "cloud_requests",
    kind: Kind::Counter,
    labels: &["action", "result"],
    help: "Tries of calls to the cloud; result is ok or the class of the error, such as throttled",
};

pub(super) const CLOUD_REQUEST_DURATION: Definition = Definition {
    name: "cloud_request_duration_seconds",
    kind: Kind::Histogram,
    labels: &["action"],
    help: "Time from signing a call to the end of its answer",
};

pub(super) const CLOUD_RATE_LIMIT_WAIT: Definition = Definition {
    name: "cloud_rate_limit_wait_seconds",
    kind: Kind::Counter,
    labels: &["action"],
    help: "Time that calls have waited for the limit on our side",
};

pub(super) const QUEUE_KEYS: Definition = Definition {
    name: "queue_keys",
    kind: Kind::Gauge,
    labels: &["controller", "state"],
    help: "Objects in the work queue by state: due, later, running; failing ones are counted there as well",
};

pub(super) const SYNCS: Definition = Definition {
    name: "syncs",
    kind: Kind::Counter,
    labels: &["controller", "result"],
    help: "Syncs that ended; result is ok, error or panic",
};

pub(super) const SYNC_DURATION: Definition = Definition {
    name: "sync_duration_seconds",
    kind: Kind::Histogram,
    labels: &["controller", "stage"],
    help: "Time of one stage of a sync of the elb half: look, ledger, execute, status",
};

pub(super) const TIME_TO_ADDRESS: Definition = Definition {
    name: "time_to_address_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "Time from the creation of a Service, or of a PoolService that is over 10 minutes younger, to its first address",
};

pub(super) const POOL_SERVICES: Definition = Definition {
    name: "pool_services",
    kind: Kind::Gauge,
    labels: &["condition", "status"],
    help: "PoolServices by condition and its status",
};

pub(super) const DRIFT_REPAIRED: Definition = Definition {
    name: "drift_repaired",
    kind: Kind::Counter,
    labels: &[],
    help: "Differences between the cloud and what was settled that were put right",
};
