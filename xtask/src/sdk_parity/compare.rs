//! What differs between two recorded requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context as _, Result};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// What one action was recorded as, by all who sent it.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    pub(super) action: String,
    v3: Pair,
    v1: Pair,
    typed: Option<Pair>,
    /// Parameters of the newer SDK that the older one has no setter for.
    pub(super) missing_in_v1: Vec<String>,
}

impl Recording {
    /// Whether an SDK knows the action.
    pub(super) fn is_known(&self) -> bool {
        self.v3.sdk.is_some()
    }
}

#[derive(Debug, Deserialize)]
struct Pair {
    #[serde(default)]
    sdk: Option<Request>,
    #[serde(default)]
    ours: Option<Request>,
}

/// A request as it arrived.
#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// How our request was made, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// By name, signature V3, with the newer SDK.
    V3,
    /// By name, signature V1, with the older SDK.
    V1,
    /// By a typed request, signature V3, with the newer SDK.
    Typed,
}

/// One thing that differs.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) action: String,
    pub(super) mode: Mode,
    /// What differs: `method`, `path`, `body`, `header …`, `parameter …`, or `the action`.
    pub(super) what: String,
    /// As it was sent, still encoded; `None` where it was not.
    pub(super) sdk: Option<String>,
    pub(super) ours: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(
            f,
            "{} ({:?}), {}: SDK {}, ours {}",
            self.action,
            self.mode,
            self.what,
            text(&self.sdk),
            text(&self.ours)
        )
    }
}

/// Parameters and headers that are other at every try.
const VOLATILE: [&str; 6] = [
    "authorization",
    "Signature",
    "SignatureNonce",
    "Timestamp",
    "x-acs-date",
    "x-acs-signature-nonce",
];

/// Everything that differs for one action.
pub(super) fn differences(recording: &Recording) -> Result<Vec<Difference>> {
    let typed = recording.typed.as_ref().and_then(|pair| pair.ours.as_ref());
    let pairs = [
        (Mode::V3, &recording.v3.sdk, recording.v3.ours.as_ref()),
        (Mode::V1, &recording.v1.sdk, recording.v1.ours.as_ref()),
        (Mode::Typed, &recording.v3.sdk, typed),
    ];
    let mut found = Vec::new();
    for (mode, sdk, ours) in pairs {
        let mut differ = |what: String, sdk: Option<&str>, ours: Option<&str>| {
            if sdk != ours {
                found.push(Difference {
                    action: recording.action.clone(),
                    mode,
                    what,
                    sdk: sdk.map(str::to_owned),
                    ours: ours.map(str::to_owned),
                });
            }
        };
        let (Some(sdk), Some(ours)) = (sdk, ours) else {
            let is_sent = ours.map_or("not sent", |_| "sent");
            differ(
                "the action".to_owned(),
                sdk.as_ref().map(|_| "sent"),
                Some(is_sent),
            );
            continue;
        };
        let ((sdk_path, sdk_params), (our_path, our_params)) = (sdk.split()?, ours.split()?);
        differ("method".into(), Some(&sdk.method), Some(&ours.method));
        differ("path".into(), Some(sdk_path), Some(our_path));
        differ("body".into(), Some(&sdk.body), Some(&ours.body));
        each(&sdk_params, &our_params, |name, sdk, ours| {
            differ(format!("parameter {name}"), sdk, ours);
        });
        each(
            &sdk.signed_headers(),
            &ours.signed_headers(),
            |name, sdk, ours| {
                differ(format!("header {name}"), sdk, ours);
            },
        );
    }
    Ok(found)
}

type Named<'a> = BTreeMap<&'a str, &'a str>;

fn each(sdk: &Named<'_>, ours: &Named<'_>, mut see: impl FnMut(&str, Option<&str>, Option<&str>)) {
    let names: BTreeSet<_> = sdk.keys().chain(ours.keys()).copied().collect();
    for name in names.into_iter().filter(|name| !VOLATILE.contains(name)) {
        see(name, sdk.get(name).copied(), ours.get(name).copied());
    }
}

impl Request {
    /// The path, and the parameters as they were sent, encoded.
    fn split(&self) -> Result<(&str, Named<'_>)> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut params = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("a parameter without \"=\": {pair}"))?;
            let before = params.insert(name, value);
            anyhow::ensure!(before.is_none(), "parameter {name} was sent twice");
        }
        Ok((path, params))
    }

    /// Headers that mean something to the API. The rest names the client and what it accepts.
    fn signed_headers(&self) -> Named<'_> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| {
                name.starts_with("x-acs-") || *name == "content-type" || *name == "host"
            })
            .collect()
    }
}

/// The text behind an encoded one, a blank from `+` as well as from `%20`.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', "%20"))
        .decode_utf8_lossy()
        .into_owned()
}
