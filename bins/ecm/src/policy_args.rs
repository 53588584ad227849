//! Flags that decide what is done, the same for the commands that do it and those that show it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

const HEADING: &str = "Behaviour";

/// What is done.
#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArgs {
    /// Which halves run.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "fan-out,elb", help_heading = HEADING)]
    pub(crate) controllers: Vec<Half>,
    /// How long a pool that no longer matches keeps its load balancer. [0..86400]
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400), help_heading = HEADING)]
    unmatch_grace: u64,
    /// How long an unreachable node stays a backend while others of its pool are ready. [0..86400]
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=86_400), help_heading = HEADING)]
    unreachable_grace: u64,
    /// Which load balancers of users each namespace may name: a YAML file, "NAMESPACE: [ID, BEGINNING*]" a line, read at the start. Default: every namespace may name every one.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    self_managed_ids: Option<PathBuf>,
}

/// One half of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    /// Services to PoolServices and back.
    FanOut,
    /// PoolServices to load balancers.
    Elb,
}

impl PolicyArgs {
    pub(crate) fn runs(&self, half: Half) -> bool {
        self.controllers.contains(&half)
    }

    pub(crate) fn unmatch_grace(&self) -> Duration {
        Duration::from_secs(self.unmatch_grace)
    }

    pub(crate) fn unreachable_grace(&self) -> Duration {
        Duration::from_secs(self.unreachable_grace)
    }

    /// Which load balancers of users each namespace may name (behaviour 4.7); `None` where every
    /// one may name every one.
    pub(crate) fn self_managed_ids(&self) -> Result<Option<BTreeMap<String, Vec<String>>>> {
        let Some(path) = &self.self_managed_ids else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("--self-managed-ids: reading {}", path.display()))?;
        parse(&text).map(Some).with_context(|| in_file(path))
    }
}

fn in_file(path: &Path) -> String {
    format!("--self-managed-ids: {}", path.display())
}

fn parse(text: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let by_namespace: BTreeMap<String, Vec<String>> = serde_saphyr::from_str(text)
        .context("not a map of namespaces to lists of ids, such as \"shop: [lb-1, lb-web-*]\"")?;
    for (namespace, patterns) in &by_namespace {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if namespace.is_empty() || namespace.len() > 63 || !namespace.chars().all(is_letter) {
            bail!(
                "{namespace:?} is not a namespace: lower-case letters, digits and dashes, at most 63"
            );
        }
        for pattern in patterns {
            let beginning = pattern.strip_suffix('*').unwrap_or(pattern);
            let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !beginning.chars().all(is_id) || pattern.is_empty() {
                bail!(
                    "namespace {namespace}: {pattern:?} is neither the id of a load balancer nor \
                     the beginning of one before a single *"
                );
            }
        }
    }
    Ok(by_namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_4_7_a_file_says_which_namespace_may_name_which_load_balancer() {
        let read = parse("shop:\n- lb-1\n- lb-web-*\nopen: ['*']\nnone: []\n").unwrap();
        let shop = vec!["lb-1".to_owned(), "lb-web-*".to_owned()];
        assert_eq!(read.get("shop"), Some(&shop));
        assert_eq!(read.get("none"), Some(&Vec::new()));
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn a_wrong_file_is_told_with_namespace_and_value() {
        let refused = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert!(refused("Shop: [lb-1]").contains("\"Shop\" is not a namespace"));
        let middle = refused("shop: [lb-*-1]");
        assert!(middle.contains("namespace shop: \"lb-*-1\""), "{middle}");
        assert!(refused("shop: ['']").contains("namespace shop: \"\""));
        assert!(refused("shop: lb-1").starts_with("not a map of namespaces"));
        assert!(refused("- shop").starts_with("not a map of namespaces"));
    }
}
