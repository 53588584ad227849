//! `cargo xtask fuzz`: coverage-guided fuzzing of what reads foreign bytes.
//!
//! The targets are those of `fuzz/`, in the layout of cargo-fuzz. They are built here directly, all at once: the flags
//! that make LLVM count coverage are open to stable Rust, so that neither cargo-fuzz nor a nightly toolchain is needed,
//! only the C++ compiler that libFuzzer is built with. Sanitizers are left out: there is no unsafe code to watch.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail, ensure};

use crate::workspace::{self, root};

/// Arguments of `fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// The targets to run; all when none is named.
    targets: Vec<String>,
}

/// What makes LLVM keep the tables that libFuzzer reads; the same that cargo-fuzz passes.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The longest input. Longer ones slow a run down and find no more in these parsers.
const LONGEST: u32 = 4096;

/// Builds all targets, runs them two at a time, and fails when one crashed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let known = targets()?;
    for name in &args.targets {
        ensure!(
            known.contains(name),
            "no target \"{name}\"; there are: {}",
            known.join(", ")
        );
    }
    let chosen: Vec<&String> = known
        .iter()
        .filter(|name| args.targets.is_empty() || args.targets.contains(name))
        .collect();
    let programs = &build(&chosen)?;
    println!(
        "{:12} {:>10} {:>8} {:>9} {:>7}  result",
        "target", "runs", "runs/s", "coverage", "corpus"
    );
    let mut crashed = Vec::new();
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    for group in chosen.chunks(at_once) {
        let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
            let running: Vec<_> = group
                .iter()
                .map(|name| scope.spawn(|| fuzz(programs, name, args.seconds)))
                .collect();
            let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
            ended
                .map(|outcome| outcome.unwrap_or_else(|_| bail!("its thread ended")))
                .collect()
        });
        for (name, outcome) in group.iter().zip(outcomes) {
            let outcome = outcome.with_context(|| format!("target {name}"))?;
            println!("{}", outcome.line(name));
            if outcome.crash.is_some() {
                crashed.push(outcome);
            }
        }
    }
    for outcome in &crashed {
        eprintln!("\n{}", outcome.log);
    }
    ensure!(
        crashed.is_empty(),
        "{} of {} targets crashed; fuzz/README.md says what to do with the inputs named above",
        crashed.len(),
        chosen.len()
    );
    Ok(())
}

/// The names of the targets, sorted.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Builds the targets and gives the folder with their programs.
fn build(targets: &[&String]) -> Result<PathBuf> {
    let host = host()?;
    let folder = workspace::output("fuzz");
    let mut build = workspace::cargo();
    build
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(root().join("fuzz/Cargo.toml"))
        // With a target named, the flags are not those of build scripts and macros.
        .args(["--target", &host])
        .env("CARGO_TARGET_DIR", &folder)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
    for target in targets {
        build.args(["--bin", target]);
    }
    let status = build.status().context("run cargo")?;
    ensure!(
        status.success(),
        "the targets could not be built ({status}); libFuzzer needs a C++ compiler (on Debian: g++)"
    );
    Ok(folder.join(host).join("release"))
}

/// The machine's own target triple.
pub(crate) fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .context("run rustc -vV")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV does not name the host")
}

/// What came of one target.
struct Outcome {
    log: String,
    runs: u64,
    coverage: u64,
    corpus: u64,
    seconds: u64,
    /// Why it ended early, where it did.
    crash: Option<String>,
}

impl Outcome {
    fn line(&self, name: &str) -> String {
        let result = self.crash.as_deref().unwrap_or("no crash");
        format!(
            "{name:12} {:>10} {:>8} {:>9} {:>7}  {result}",
            self.runs,
            self.runs / self.seconds.max(1),
            self.coverage,
            self.corpus
        )
    }

    /// Reads what libFuzzer printed.
    fn of(log: String, succeeded: bool, artifacts: &Path) -> Self {
        let status = |word: &str| {
            let mut lines = log.lines().rev().filter(|line| line.starts_with('#'));
            let value = |line: &str| {
                let (_, rest) = line.split_once(&format!(" {word}: "))?;
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
                digits.parse().ok()
            };
            lines.find_map(value).unwrap_or(0)
        };
        let done = log.lines().rev().find_map(|line| {
            let (runs, rest) = line.strip_prefix("Done ")?.split_once(" runs in ")?;
            let seconds = rest.split(' ').next()?;
            Some((runs.parse().ok()?, seconds.parse().ok()?))
        });
        let (runs, seconds) = done.unwrap_or((0, 0));
        let crash = (!succeeded || done.is_none()).then(|| {
            let input = log
                .lines()
                .rev()
                .find_map(|line| line.split_once("Test unit written to "));
            match input {
                Some((_, path)) => format!("CRASHED, input: {path}"),
                None => format!("CRASHED, see the log and {}", artifacts.display()),
            }
        });
        Self {
            runs,
            coverage: status("cov"),
            corpus: status("corp"),
            seconds,
            crash,
            log,
        }
    }
}

/// Runs one target. What it finds is kept in `fuzz/corpus`; an input that crashed it in `fuzz/artifacts`.
fn fuzz(programs: &Path, name: &str, seconds: u32) -> Result<Outcome> {
    let folder = root().join("fuzz");
    let (corpus, artifacts) = (
        folder.join("corpus").join(name),
        folder.join("artifacts").join(name),
    );
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let mut fuzzer = Command::new(programs.join(name));
    fuzzer
        .args([&corpus, &folder.join("seeds").join(name)])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        // An input that takes a second is a finding too.
        .args(["-timeout=5", "-rss_limit_mb=2048"])
        .stdin(Stdio::null());
    let output = fuzzer
        .output()
        .with_context(|| format!("run {}", programs.join(name).display()))?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Outcome::of(log, output.status.success(), &artifacts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = "\
#2\tINITED cov: 90 ft: 91 corp: 1/1b exec/s: 0 rss: 40Mb
#1000\tNEW    cov: 100 ft: 240 corp: 31/1Kb lim: 43 exec/s: 500 rss: 41Mb L: 8/43 MS: 1 EraseBytes-
#2048\tDONE   cov: 101 ft: 241 corp: 32/1Kb lim: 43 exec/s: 512 rss: 41Mb
Done 2048 runs in 4 second(s)
";

    #[test]
    fn the_last_line_of_the_fuzzer_is_what_is_told() {
        let outcome = Outcome::of(DONE.to_owned(), true, Path::new("a"));
        let told = (
            outcome.runs,
            outcome.coverage,
            outcome.corpus,
            outcome.seconds,
        );
        assert_eq!(told, (2048, 101, 32, 4));
        assert_eq!(outcome.crash, None);
    }

    #[test]
    fn a_crash_names_its_input_and_a_log_without_an_end_is_a_crash() {
        let log =
            "#2\tINITED cov: 9 ft: 9 corp: 1/1b\nTest unit written to fuzz/artifacts/x/crash-1\n";
        let crash = Outcome::of(log.to_owned(), false, Path::new("a")).crash;
        assert!(crash.is_some_and(|crash| crash.ends_with("fuzz/artifacts/x/crash-1")));
        assert!(
            Outcome::of(String::new(), true, Path::new("a"))
                .crash
                .is_some()
        );
    }

    #[test]
    fn every_target_has_seeds_and_is_built() -> Result<()> {
        let manifest = crate::workspace::read(Path::new("fuzz/Cargo.toml"))?;
        for name in targets()? {
            assert!(
                root().join("fuzz/seeds").join(&name).is_dir(),
                "{name} has no seeds"
            );
            assert!(
                manifest.contains(&format!("name = \"{name}\"")),
                "{name} is not built"
            );
        }
        Ok(())
    }
}
