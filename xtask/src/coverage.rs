//! `cargo xtask coverage`: how many lines of the policy its own tests reach.
//!
//! cargo-llvm-cov builds and runs the tests of ecm-policy in a target directory of its own, so that nothing else is
//! built again. Where rustup has no llvm-tools, the tools of a distribution serve: LLVM_COV and LLVM_PROFDATA name them.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace::{self, root};

/// The package whose lines are counted.
const PACKAGE: &str = "ecm-policy";

/// Where its lines are, from the root of the repository.
const SOURCES: &str = "crates/ecm-policy/src";

/// The bar, in percent of all lines.
const AT_LEAST: f64 = 95.0;

pub(crate) fn run() -> Result<()> {
    let report = measured()?;
    let files = files(&report);
    ensure!(!files.is_empty(), "the report names no file of {SOURCES}");
    for (name, lines) in &files {
        println!("{name:28} {lines}");
    }
    let all = files
        .iter()
        .fold(Lines::default(), |sum, (_, lines)| Lines {
            count: sum.count + lines.count,
            covered: sum.covered + lines.covered,
        });
    println!("{:28} {all}", "all");
    if all.percent() <= AT_LEAST {
        bail!(
            "{:.2} % of the lines of {PACKAGE} are covered, the bar is above {AT_LEAST} %",
            all.percent()
        );
    }
    Ok(())
}

/// What cargo-llvm-cov reports as JSON; a part of it.
#[derive(Deserialize)]
struct Report {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Lines {
    count: u32,
    covered: u32,
}

impl Lines {
    fn percent(self) -> f64 {
        if self.count == 0 {
            return 100.0;
        }
        f64::from(self.covered) / f64::from(self.count) * 100.0
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let missed = self.count.saturating_sub(self.covered);
        write!(
            f,
            "{:6.2} %  {missed:4} of {:5} missed",
            self.percent(),
            self.count
        )
    }
}

/// Runs the tests and reads what they covered.
fn measured() -> Result<Report> {
    let output = workspace::cargo()
        .args([
            "llvm-cov",
            "--package",
            PACKAGE,
            "--json",
            "--summary-only",
            "--quiet",
        ])
        // The report goes to standard output; what cargo and the tests say goes to standard error.
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("run cargo llvm-cov")?;
    ensure!(
        output.status.success(),
        "cargo llvm-cov failed ({}); where it is missing: cargo install --locked cargo-llvm-cov && \
         rustup component add llvm-tools",
        output.status
    );
    // The tests print before the report does.
    let text = String::from_utf8_lossy(&output.stdout);
    let report = text
        .lines()
        .find(|line| line.starts_with("{\"data\""))
        .context("find the report")?;
    serde_json::from_str(report).context("read the report of cargo llvm-cov")
}

/// The files of the policy by their names, with their lines.
fn files(report: &Report) -> Vec<(String, Lines)> {
    let sources = root().join(SOURCES);
    let files = report.data.iter().flat_map(|data| &data.files);
    let named = files.filter_map(|file| {
        let name = Path::new(&file.filename).strip_prefix(&sources).ok()?;
        Some((name.display().to_string(), file.summary.lines))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_policy_count() -> Result<()> {
        let inside = root().join(SOURCES).join("plan/mod.rs");
        let text = serde_json::json!({ "data": [{ "files": [
            { "filename": inside, "summary": { "lines": { "count": 8, "covered": 6 } } },
            { "filename": "/elsewhere/lib.rs", "summary": { "lines": { "count": 9, "covered": 0 } } },
        ] }] });
        let files = files(&serde_json::from_value(text)?);
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].0, "plan/mod.rs");
        assert_eq!(files[0].1.to_string(), " 75.00 %     2 of     8 missed");
        Ok(())
    }
}
