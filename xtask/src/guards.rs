//! `cargo xtask guards`: takes out, one by one, the code of the rules that guard money (behaviour 5.3 to 5.7 and 8.1 to
//! 8.6), and wants the test that names the rule to fail each time.
//!
//! It works on a copy of the tracked files under the target folder, with build output of its own, so that neither the
//! working tree nor what is built of it is touched. All named tests pass in the unchanged copy first.

mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail, ensure};

use crate::workspace::{self, root};
use table::GUARDS;

/// Arguments of `guards`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only the rules of these numbers, such as 5.3; all when none is named.
    rules: Vec<String>,
}

/// One piece of code that guards money, and the test that notices when it is taken out.
struct Guard {
    /// The number of the rule.
    rule: &'static str,
    /// What the code sees to.
    without: &'static str,
    /// The file, relative to the root.
    file: &'static str,
    /// The code; it stands exactly once in the file.
    text: &'static str,
    /// What stands there when the rule is taken out.
    instead: &'static str,
    /// Where the test is.
    target: Target,
    /// The whole path of the test.
    test: &'static str,
}

/// A test program. Where it can be, a test is one of `ecm-policy`: pure, so that a build takes seconds.
#[derive(Clone, Copy)]
enum Target {
    /// The unit tests of `ecm-policy`.
    Lib,
    /// The tests of this name below its `tests/`.
    Test(&'static str),
    /// The unit tests of `ecm-reconciler`.
    Reconciler,
    /// The tests of this name of `ecm-testkit`: whole controllers.
    Whole(&'static str),
}

impl Target {
    /// What it is for cargo: package and test program.
    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Lib => ["--package", "ecm-policy", "--lib", "--quiet"],
            Self::Test(name) => ["--package", "ecm-policy", "--test", name],
            Self::Reconciler => ["--package", "ecm-reconciler", "--lib", "--quiet"],
            Self::Whole(name) => ["--package", "ecm-testkit", "--test", name],
        }
    }
}

/// Takes every guard out in turn; fails when one is not missed.
pub(crate) fn run(args: &Args) -> Result<()> {
    for rule in &args.rules {
        ensure!(
            GUARDS.iter().any(|guard| guard.rule == rule),
            "no guard of a rule \"{rule}\""
        );
    }
    let chosen: Vec<&Guard> = GUARDS
        .iter()
        .filter(|guard| args.rules.is_empty() || args.rules.iter().any(|rule| rule == guard.rule))
        .collect();
    let copy = Copy::make()?;
    for guard in &chosen {
        ensure!(
            copy.passes(guard)?,
            "{} fails although nothing was taken out",
            guard.test
        );
    }
    let mut missed = 0;
    println!("{:5} {:8} without: ", "rule", "test");
    for guard in &chosen {
        let passes = copy.without(guard)?;
        missed += usize::from(passes);
        let result = if passes { "PASSES" } else { "fails" };
        println!(
            "{:5} {result:8} {} ({})",
            guard.rule, guard.without, guard.test
        );
    }
    ensure!(
        missed == 0,
        "{missed} of {} guards can be taken out and their tests still pass",
        chosen.len()
    );
    println!("guards: {} taken out, each noticed", chosen.len());
    Ok(())
}

/// A copy of the tracked files, and what is built of it.
struct Copy {
    tree: PathBuf,
    built: PathBuf,
}

impl Copy {
    /// Brings the copy up to the working tree. Files that are the same keep their times, so that only what changed is
    /// built again.
    fn make() -> Result<Self> {
        let folder = workspace::output("guards");
        let copy = Self {
            tree: folder.join("tree"),
            built: folder.join("target"),
        };
        let tracked = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(root())
            .output()
            .context("run git ls-files")?;
        ensure!(
            tracked.status.success(),
            "git ls-files: {}",
            String::from_utf8_lossy(&tracked.stderr)
        );
        let tracked = String::from_utf8(tracked.stdout).context("read the names of the files")?;
        for name in tracked.split_terminator('\0') {
            let from = root().join(name);
            // Deleted and not committed yet, or a link to a folder.
            if from.is_file() {
                let bytes = fs::read(&from).with_context(|| format!("read {}", from.display()))?;
                write(&copy.tree.join(name), &bytes)?;
            }
        }
        Ok(copy)
    }

    /// Whether the guard's test passes without the guard. The file is as before afterwards.
    fn without(&self, guard: &Guard) -> Result<bool> {
        let path = self.tree.join(guard.file);
        let whole =
            fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        write(&path, guard.taken_out_of(&whole)?.as_bytes())?;
        let outcome = self.passes(guard);
        write(&path, whole.as_bytes())?;
        outcome.with_context(|| format!("rule {} without: {}", guard.rule, guard.without))
    }

    /// Whether the guard's test passes. That it cannot be built or is not there is an error, not a failure.
    fn passes(&self, guard: &Guard) -> Result<bool> {
        let built = self.cargo(guard, &["--no-run"])?;
        ensure!(
            built.status.success(),
            "it does not compile:\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let run = self.cargo(guard, &["--", "--exact", guard.test])?;
        let told = String::from_utf8_lossy(&run.stdout);
        if told.contains("test result: ok. 1 passed") {
            Ok(true)
        } else if told.contains("test result: FAILED. 0 passed; 1 failed") {
            Ok(false)
        } else {
            bail!("{} did not run:\n{told}", guard.test)
        }
    }

    fn cargo(&self, guard: &Guard, more: &[&str]) -> Result<Output> {
        let mut command = workspace::cargo();
        command
            .args(["test", "--locked"])
            .args(guard.target.arguments())
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.built)
            // One file changes at a time.
            .env("CARGO_INCREMENTAL", "1");
        command.args(more).output().context("run cargo test")
    }
}

impl Guard {
    /// The file's text without the guard.
    fn taken_out_of(&self, whole: &str) -> Result<String> {
        let times = whole.matches(self.text).count();
        ensure!(
            times == 1,
            "{}: the text of rule {} ({}) stands there {times} times and not once: bring the table up to the code",
            self.file,
            self.rule,
            self.without
        );
        Ok(whole.replacen(self.text, self.instead, 1))
    }
}

/// Writes a file, unless it holds these bytes already.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|held| held == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_guards_money_has_a_guard() {
        for rule in table::RULES {
            assert!(GUARDS.iter().any(|guard| guard.rule == rule), "{rule}");
        }
    }

    #[test]
    fn every_guard_stands_once_in_its_file() -> Result<()> {
        for guard in GUARDS {
            let whole = crate::workspace::read(Path::new(guard.file))?;
            assert_ne!(guard.taken_out_of(&whole)?, whole, "{}", guard.without);
        }
        Ok(())
    }

    #[test]
    fn a_guard_that_is_gone_from_the_code_is_an_error() {
        let outcome = GUARDS.iter().map(|guard| guard.taken_out_of(""));
        assert!(outcome.into_iter().all(|outcome| outcome.is_err()));
    }
}
