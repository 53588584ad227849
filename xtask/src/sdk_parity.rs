//! `cargo xtask sdk-parity`: our client of the ENS OpenAPI sends what the official Python SDKs send.
//!
//! Both SDKs and our client (its example `replay`) send every action with full parameters to a server on loopback that
//! records them; [`compare`] finds the differences and [`reasons`] says why each is right. One without a reason fails.

mod compare;
mod reasons;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use self::compare::{Recording, differences};
use self::reasons::reason;
use crate::workspace::{self, root};

/// The newer SDK signs as our V3 does, the older one as our V1.
const PACKAGES: [&str; 2] = [
    "alibabacloud-ens20171110==12.1.0",
    "aliyun-python-sdk-ens==3.0.23",
];
const ACTIONS: &str = "crates/ens-openapi/tests/data/actions.json";

/// Records, compares and prints what differs.
pub(crate) fn run() -> Result<()> {
    let folder = workspace::output("sdk-parity");
    let python = match virtual_environment(&folder) {
        Ok(python) => python,
        Err(error) if std::env::var("CI").is_ok_and(|value| value == "true") => return Err(error),
        Err(error) => {
            println!(
                "skipped: {error:#}. To compare, install Python 3 with venv and let pip reach a package index that has {}",
                PACKAGES.join(" and ")
            );
            return Ok(());
        }
    };
    report(&record(&python, &folder)?)
}

/// Prints the differences by reason; those without one at the end, and they fail.
fn report(recordings: &[Recording]) -> Result<()> {
    let mut explained: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for recording in recordings {
        for difference in differences(recording)? {
            match reason(recording, &difference) {
                Some(reason) => explained
                    .entry(reason)
                    .or_default()
                    .push(difference.to_string()),
                None => unexplained.push(difference),
            }
        }
    }
    for (reason, differences) in &explained {
        println!("{} explained: {reason}", differences.len());
        for difference in differences.iter().take(3) {
            println!("    {difference}");
        }
        if differences.len() > 3 {
            println!("    … and {} more", differences.len() - 3);
        }
    }
    for difference in &unexplained {
        println!("unexplained: {difference}");
    }
    let compared = recordings.iter().filter(|recording| recording.is_known());
    println!(
        "{} actions compared, {} differences explained, {} unexplained",
        compared.count(),
        explained.values().map(Vec::len).sum::<usize>(),
        unexplained.len()
    );
    ensure!(unexplained.is_empty(), "our client differs from the SDKs");
    Ok(())
}

/// Makes the environment, or takes the one that an earlier run made with the same packages, and gives its Python.
fn virtual_environment(folder: &Path) -> Result<PathBuf> {
    let (environment, marker) = (folder.join("venv"), folder.join("packages"));
    let python = environment.join("bin/python");
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&marker).is_ok_and(|made| made == wanted) && python.exists() {
        return Ok(python);
    }
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let mut make = Command::new("python3");
    finish(make.args(["-m", "venv"]).arg(&environment))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--retries", "1"]);
    finish(install.arg("--disable-pip-version-check").args(PACKAGES))?;
    fs::write(&marker, wanted).with_context(|| format!("write {}", marker.display()))?;
    Ok(python)
}

fn record(python: &Path, folder: &Path) -> Result<Vec<Recording>> {
    let recordings = folder.join("recordings.json");
    let mut record = Command::new(python);
    record
        .arg("xtask/src/sdk_parity/record.py")
        .arg(ACTIONS)
        .arg(folder.join("parameters.json"))
        .arg(&recordings)
        .arg(workspace::cargo_program())
        .args(["run", "--quiet", "--package", "ens-openapi"])
        .args(["--example", "replay", "--"])
        .current_dir(root());
    finish(&mut record)?;
    let text = fs::read(&recordings).with_context(|| format!("read {}", recordings.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parse {}", recordings.display()))
}

fn finish(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}
