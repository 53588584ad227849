//! `cargo xtask mutants`: whether the tests notice when what is wanted of the cloud, or the plan for it, goes wrong.
//!
//! cargo-mutants changes one thing at a time in a copy of the tree and runs the tests of the policy. At least 90 % of the
//! changes have to be noticed, and each that is not has its reason in crates/ecm-policy/mutants.txt.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace;

/// The reasons for what is not noticed: one a line, `file: change: reason`.
const EXPLAINED: &str = "crates/ecm-policy/mutants.txt";

/// What is changed.
const FILES: [&str; 2] = [
    "crates/ecm-policy/src/desired.rs",
    "crates/ecm-policy/src/plan/*.rs",
];

/// The bar, in percent of the changes that compile.
const AT_LEAST: usize = 90;

/// Arguments of `mutants`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One part of several: `0/4` is the first of four. The bar then holds for that part.
    #[arg(long)]
    shard: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let output = workspace::output("mutants");
    fs::create_dir_all(&output).with_context(|| format!("create {}", output.display()))?;
    let mut command = workspace::cargo();
    command.args([
        "mutants",
        "--package",
        "ecm-policy",
        "--colors",
        "never",
        "--output",
    ]);
    command
        .arg(&output)
        .args(FILES.iter().flat_map(|file| ["--file", file]));
    command.args(args.shard.iter().flat_map(|shard| ["--shard", shard]));
    let status = command.status().context("run cargo mutants")?;
    // 0: all noticed; 2: some not; 3: some made the tests hang, which is noticed too.
    ensure!(
        matches!(status.code(), Some(0 | 2 | 3)),
        "cargo mutants failed ({status}); where it is missing: cargo install --locked cargo-mutants"
    );
    let path = output.join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let outcomes: Outcomes = serde_json::from_str(&text).context("read the outcomes")?;
    let noticed = outcomes.caught + outcomes.timeout;
    let viable = noticed + outcomes.missed;
    ensure!(viable > 0, "nothing was changed");
    println!(
        "{noticed} of {viable} changes were noticed: {} %",
        noticed * 100 / viable
    );
    let explained = workspace::read(Path::new(EXPLAINED))?;
    let surprises = surprises(&outcomes, &explained);
    if !surprises.is_empty() {
        bail!(
            "not noticed, and not explained in {EXPLAINED}:\n{}",
            surprises.join("\n")
        );
    }
    ensure!(
        noticed * 100 >= viable * AT_LEAST,
        "the bar is {AT_LEAST} %"
    );
    Ok(())
}

/// What cargo-mutants writes at the end; a part of it.
#[derive(Deserialize)]
struct Outcomes {
    #[serde(rename = "outcomes")]
    each: Vec<Outcome>,
    caught: usize,
    missed: usize,
    timeout: usize,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Mutant),
}

#[derive(Deserialize)]
struct Mutant {
    /// `file:line:column: change`.
    name: String,
}

/// The changes that nobody noticed and that have no reason, by their file and text: lines move. A reason counts once.
fn surprises(outcomes: &Outcomes, explained: &str) -> Vec<String> {
    let lines = explained.lines().filter(|line| !line.starts_with('#'));
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in lines {
        let mut parts = line.splitn(3, ": ");
        if let (Some(file), Some(change), Some(_reason)) =
            (parts.next(), parts.next(), parts.next())
        {
            *reasons.entry((file, change)).or_default() += 1;
        }
    }
    let missed = outcomes
        .each
        .iter()
        .filter(|outcome| outcome.summary == "MissedMutant");
    let mut surprises = Vec::new();
    for outcome in missed {
        let Scenario::Mutant(mutant) = &outcome.scenario else {
            continue;
        };
        let (place, change) = mutant.name.split_once(": ").unwrap_or((&mutant.name, ""));
        let file = place.split(':').next().unwrap_or_default();
        match reasons.get_mut(&(file, change)).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => surprises.push(mutant.name.clone()),
        }
    }
    surprises
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_explains_one_change_of_its_file_wherever_it_stands() -> Result<()> {
        let missed = |name: &str| serde_json::json!({ "summary": "MissedMutant", "scenario": { "Mutant": { "name": name } } });
        let outcomes: Outcomes = serde_json::from_value(serde_json::json!({
            "caught": 1, "missed": 3, "timeout": 0, "outcomes": [
                { "summary": "Success", "scenario": "Baseline" },
                missed("a.rs:1:2: replace == with != in f"),
                missed("a.rs:9:2: replace == with != in f"),
                missed("b.rs:1:2: replace == with != in f"),
            ],
        }))?;
        let explained =
            "# file: change: reason\na.rs: replace == with != in f: the same both ways\n";
        assert_eq!(
            surprises(&outcomes, explained),
            [
                "a.rs:9:2: replace == with != in f",
                "b.rs:1:2: replace == with != in f"
            ]
        );
        Ok(())
    }
}
