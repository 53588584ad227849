//! The table of actions: name, method, published rate, parameters, and the function that does it.
//! Names, parameters and answers follow the public ENS API 2017-11-10 (github.com/alibabacloud-go/ens-20171110 and
//! github.com/aliyun/aliyun-openapi-meta).

mod backends;
mod eips;
mod listener_settings;
mod listeners;
mod load_balancers;
mod monitors;
mod networks;
mod nodes;
mod tags;

use serde_json::{Value, json};

use super::error::ApiError;
use super::params::{Args, Kind, Param, opt};
use super::scope::Scope;
use super::switches::{NameFilter, Switches};
use super::tokens::{Token, Tokens};
use crate::time::Timestamp;

/// When what stands in the world from the start was made.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// What the two creations take that cost money.
pub(super) const TOKEN: Param = opt("ClientToken", Kind::Token);

/// One action of the API.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// The metadata lists it with GET alone.
    pub(crate) get_only: bool,
    /// Requests per second that one user may make; `None` where no number is published.
    pub(crate) per_second: Option<u32>,
    pub(crate) params: &'static [Param],
    pub(crate) run: fn(&mut Scope<'_>, &Args<'_>) -> Result<Value, ApiError>,
}

/// Whether there is an action of that exact name, whatever the switches hide.
pub(super) fn exists(name: &str) -> bool {
    all().any(|action| action.name == name)
}

/// The name of an action that is most like this one, for a hint.
pub(super) fn nearest(name: &str) -> &'static str {
    let distance = |action: &&Action| strsim::osa_distance(name, action.name);
    all().min_by_key(distance).map_or("", |action| action.name)
}

fn all() -> impl Iterator<Item = &'static Action> {
    [
        load_balancers::ACTIONS,
        listeners::ACTIONS,
        backends::ACTIONS,
        eips::ACTIONS,
        networks::ACTIONS,
        nodes::ACTIONS,
        tags::ACTIONS,
        monitors::ACTIONS,
    ]
    .into_iter()
    .flatten()
}

/// Finds an action by its exact name.
pub(crate) fn find(name: &str, switches: &Switches) -> Result<&'static Action, ApiError> {
    let hidden = name == "DeleteLoadBalancer" && !switches.delete_load_balancer_known;
    let found = all().find(|action| action.name == name && !hidden);
    found.ok_or_else(|| {
        let message =
            format!("Specified api is not found, please check your url and method: {name}.");
        ApiError::new(404, "InvalidAction.NotFound", message)
    })
}

/// One page of `items`, from 1.
fn page<T>(items: Vec<T>, number: usize, size: usize) -> Vec<T> {
    items
        .into_iter()
        .skip((number - 1).saturating_mul(size))
        .take(size)
        .collect()
}

/// One page of rows, in the wrapper that every list of this API but three has.
fn wrapped(list: &str, item: &str, rows: Vec<Value>, number: usize, size: usize) -> Value {
    let total = rows.len();
    json!({
        list: { item: page(rows, number, size) },
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": total,
    })
}

/// An object with further fields.
fn with(object: Value, more: Value) -> Value {
    match (object, more) {
        (Value::Object(mut fields), Value::Object(more)) => {
            fields.extend(more);
            Value::Object(fields)
        }
        (object, _) => object,
    }
}

/// Whether a name passes a list's name filter.
fn name_passes(filter: NameFilter, wanted: Option<&str>, name: &str) -> bool {
    wanted.is_none_or(|wanted| match filter {
        NameFilter::Exact => name == wanted,
        NameFilter::Substring => name.contains(wanted),
    })
}

/// Whether a value equals a filter, where one is given.
fn equals(wanted: Option<&str>, value: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}

/// Whether a region passes `EnsRegionId`, and `EnsRegionIds.N` as `many`.
fn region_passes(args: &Args<'_>, many: &[&str], region: &str) -> bool {
    equals(args.text("EnsRegionId"), region) && (many.is_empty() || many.contains(&region))
}

/// Runs a creation at most once per ClientToken: the same token with the same parameters gives the first result again,
/// and PROCESSING while the first call is under way. Only a success is remembered: a refusal voids the token.
fn once_per_token(
    scope: &mut Scope<'_>,
    args: &Args<'_>,
    create: impl FnOnce(&mut Scope<'_>) -> Result<Value, ApiError>,
) -> Result<Value, ApiError> {
    let Some(token) = args.text(TOKEN.name) else {
        return create(scope);
    };
    let key = (scope.action.to_owned(), token.to_owned());
    let now = scope.now;
    let params = args.all();
    if let Some(known) = scope.state.tokens.find(&key, now) {
        if known.params != params {
            let message = "The ClientToken was used before with other parameters.";
            return Err(ApiError::new(400, "IdempotentParameterMismatch", message));
        }
        return known.result.clone().ok_or_else(ApiError::processing);
    }
    let result = create(scope)?;
    let token = Token {
        first_used: now,
        params,
        result: Some(result.clone()),
    };
    scope.state.tokens.keep(key, token);
    Ok(result)
}

/// Notes the ClientToken of a creation whose effect is still to come, if it has one that nobody used before.
pub(super) fn hold_token(tokens: &mut Tokens, action: &Action, args: &Args<'_>, now: Timestamp) {
    let takes_token = action.params.iter().any(|param| param.name == TOKEN.name);
    let Some(token) = args.text(TOKEN.name).filter(|_| takes_token) else {
        return;
    };
    let key = (action.name.to_owned(), token.to_owned());
    if tokens.find(&key, now).is_none() {
        let token = Token {
            first_used: now,
            params: args.all(),
            result: None,
        };
        tokens.keep(key, token);
    }
}

/// From when lists show what is made now.
fn listed_from(scope: &Scope<'_>) -> Timestamp {
    scope.now.after(scope.config.latency.list_lag)
}
