//! Reading annotations.

use std::collections::{BTreeMap, BTreeSet};

use poolservice_api::keys as well_known;

use super::definition::{Definition, Place};
use super::setting::Setting;
use super::table::DEFINITIONS;
use super::{Fault, Parsed, Settings, UnknownKey, is_paused, nearest};
use crate::naming::is_dns_subdomain;
use crate::selector::{is_label_value, is_qualified_name};

type Annotations = BTreeMap<String, String>;

/// Keys under our prefixes that are read elsewhere.
const READ_ELSEWHERE: &[&str] = &[
    well_known::LEDGER,
    well_known::NODE_POOL_SELECTOR,
    well_known::REBUILD_LEDGER,
];

/// See [`super::parse_with_specs`].
pub(super) fn parse(service: &Annotations, pool_service: &Annotations, specs: &[&str]) -> Parsed {
    let mut parsed = Parsed::default();
    for definition in DEFINITIONS {
        read(definition, service, pool_service, specs, &mut parsed);
    }
    // The one setting that adds up: a PoolService cannot go on while its Service is paused.
    parsed.settings.paused = is_paused(service) || is_paused(pool_service);
    parsed.unknown = unknown(service.keys().chain(pool_service.keys()));
    parsed
}

/// One row of the table.
fn read(
    definition: &Definition,
    service: &Annotations,
    pool_service: &Annotations,
    specs: &[&str],
    parsed: &mut Parsed,
) {
    let mut fault = |key: &str, value: &str, allowed: String| {
        parsed.faults.push(Fault {
            key: key.to_owned(),
            value: value.to_owned(),
            allowed,
            setting: definition.setting,
        });
    };
    let on_service = entry(definition, service);
    let on_pool_service = entry(definition, pool_service);
    let effective = match definition.place {
        Place::ServiceOrPoolService => on_pool_service.or(on_service),
        Place::ServiceOnly(hint) => {
            if let Some((key, value)) = on_pool_service {
                fault(key, value, hint.to_owned());
            }
            on_service
        }
        Place::PoolServiceOnly(hint) => {
            if let Some((key, value)) = on_service {
                fault(key, value, hint.to_owned());
            }
            on_pool_service
        }
    };
    for annotations in [service, pool_service] {
        if let Some((alias, value, key)) = contradiction(definition, annotations) {
            fault(
                alias,
                value,
                format!("the value of {key}, which means the same"),
            );
        }
    }
    let Some((key, value)) = effective else {
        return;
    };
    let is_spec = definition.setting == Setting::Spec;
    if is_spec && !specs.contains(&value) {
        fault(key, value, specs.join(", "));
    } else if definition
        .values
        .apply(&mut parsed.settings, value)
        .is_none()
    {
        fault(key, value, definition.values.to_string());
    }
}

/// Key and value of a row on one object. The key itself counts before its alias.
fn entry<'a>(
    definition: &'a Definition,
    annotations: &'a Annotations,
) -> Option<(&'a str, &'a str)> {
    std::iter::once(definition.key)
        .chain(definition.alias)
        .find_map(|key| annotations.get(key).map(|value| (key, value.as_str())))
}

/// An alias that says something else than the key on the same object, with its value and the key.
fn contradiction<'a>(
    definition: &'a Definition,
    annotations: &'a Annotations,
) -> Option<(&'a str, &'a str, &'a str)> {
    let alias = definition.alias?;
    let value = annotations.get(alias)?;
    let other = annotations.get(definition.key)?;
    (value != other).then_some((alias, value, definition.key))
}

fn unknown<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<UnknownKey> {
    let known: BTreeSet<&str> = DEFINITIONS
        .iter()
        .flat_map(|definition| std::iter::once(definition.key).chain(definition.alias))
        .chain(READ_ELSEWHERE.iter().copied())
        .collect();
    let ours = [
        well_known::ANNOTATION_PREFIX,
        well_known::OWN_PREFIX,
        well_known::SERVICE_PREFIX,
    ];
    let keys: BTreeSet<&str> = keys
        .map(String::as_str)
        .filter(|key| ours.iter().any(|prefix| key.starts_with(prefix)))
        .filter(|key| !known.contains(key))
        .collect();
    keys.into_iter()
        .map(|key| UnknownKey {
            key: key.to_owned(),
            nearest: nearest(key, known.iter().copied()),
        })
        .collect()
}

/// Whether `text` is an id of the ENS API with this prefix.
fn is_id(text: &str, prefix: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_inner))
}

/// Items `key=value` between commas, blanks around them trimmed. `None` when an item has no `=`
/// or a key comes twice.
fn pairs(text: &str) -> Option<BTreeMap<&str, &str>> {
    let mut pairs = BTreeMap::new();
    for item in text.split(',') {
        let (key, value) = item.split_once('=')?;
        if pairs.insert(key.trim(), value.trim()).is_some() {
            return None;
        }
    }
    Some(pairs)
}

pub(super) fn vswitch_id(settings: &mut Settings, text: &str) -> Option<()> {
    is_id(text, "vsw-").then(|| settings.vswitch_id = Some(text.to_owned()))
}

pub(super) fn load_balancer_id(settings: &mut Settings, text: &str) -> Option<()> {
    is_id(text, "lb-").then(|| settings.id = Some(text.to_owned()))
}

pub(super) fn ids_by_pool(settings: &mut Settings, text: &str) -> Option<()> {
    let pairs = pairs(text)?;
    let valid = |(pool, id): (&&str, &&str)| is_dns_subdomain(pool) && is_id(id, "lb-");
    pairs.iter().all(valid).then(|| {
        settings.ids_by_pool = to_owned(pairs);
    })
}

pub(super) fn backend_label(settings: &mut Settings, text: &str) -> Option<()> {
    let pairs = pairs(text)?;
    let valid = |(key, value): (&&str, &&str)| is_qualified_name(key) && is_label_value(value);
    pairs.iter().all(valid).then(|| {
        settings.backend_label = to_owned(pairs);
    })
}

pub(super) fn backend_weight(settings: &mut Settings, text: &str) -> Option<()> {
    let mut weights = super::BackendWeight::default();
    for (name, value) in pairs(text)? {
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        let weight = value.parse().ok().filter(|w| is_plain && *w <= 100)?;
        if name == "base" {
            weights.base = weight;
        } else if is_dns_subdomain(name) {
            weights.nodes.insert(name.to_owned(), weight);
        } else {
            return None;
        }
    }
    settings.backend_weight = weights;
    Some(())
}

fn to_owned(pairs: BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
