//! `cargo xtask tidy`: what no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace;

mod cloud_writes;
mod rules;

/// Which crates of ours each crate may use, tests included. Simulators know nobody: they must not
/// share the code that they test. See docs/architecture.md.
const MAY_USE: &[(&str, &[&str])] = &[
    ("ens-openapi", &[]),
    ("poolservice-api", &[]),
    ("ecm-policy", &["poolservice-api"]),
    (
        "ecm-reconciler",
        &["ecm-policy", "ens-openapi", "poolservice-api"],
    ),
    ("ens-sim", &[]),
    ("kube-sim", &[]),
    ("control-plane", &[]),
    ("kube-conformance", &[]),
    (
        "ecm-testkit",
        &[
            "control-plane",
            "ecm-policy",
            "ecm-reconciler",
            "ens-openapi",
            "ens-sim",
            "kube-sim",
            "poolservice-api",
        ],
    ),
    (
        "ecm",
        &[
            "ecm-policy",
            "ecm-reconciler",
            "ecm-testkit",
            "ens-openapi",
            "ens-sim",
            "kube-sim",
            "poolservice-api",
        ],
    ),
    (
        "ecm-examples",
        &[
            "ecm-policy",
            "ecm-reconciler",
            "ens-openapi",
            "ens-sim",
            "kube-sim",
            "poolservice-api",
        ],
    ),
    (
        "xtask",
        &[
            "control-plane",
            "ecm-policy",
            "ecm-reconciler",
            "kube-conformance",
            "kube-sim",
            "poolservice-api",
        ],
    ),
];

/// What a production build of the program leaves out: these stand behind a feature.
const ONLY_OPTIONAL: (&str, &[&str]) = ("ecm", &["ecm-testkit", "ens-sim", "kube-sim"]);

/// Crates that may have unsafe code, each with its reason in its own root file.
const MAY_BE_UNSAFE: &[&str] = &[];

/// Crates that do IO. The policy must do without them, however indirectly.
const NOT_IN_POLICY: &[&str] = &["tokio", "hyper", "kube-client"];

/// What the policy must do without, so that the same inputs give the same plan: clocks, and maps
/// whose order differs from run to run.
const NOT_IN_POLICY_CODE: &[&str] = &["HashMap", "HashSet", "SystemTime", "Instant"];

/// What is not to be left in a finished text. Written in two parts, so that it is not found here.
const LEFTOVERS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

pub(crate) fn run() -> Result<()> {
    let metadata = metadata()?;
    let mut faults = Vec::new();
    for package in &metadata.packages {
        faults.extend(uses(package, &metadata));
        faults.extend(not_optional(package));
        faults.extend(own_lints(package)?);
        faults.extend(unsafe_code(package)?);
    }
    faults.extend(io_in_policy()?);
    faults.extend(fuzz_lock()?);
    let writes = cloud_writes::writes(&workspace::read(Path::new(cloud_writes::TRAIT))?);
    ensure!(
        !writes.is_empty(),
        "{} has no method that changes the cloud",
        cloud_writes::TRAIT
    );
    let mut proven = BTreeSet::new();
    for file in workspace::files()? {
        let text = workspace::read(&file)?;
        faults.extend(text_faults(&file, &text));
        faults.extend(cloud_writes::faults(&file, &text, &writes));
        // The checks' own examples prove nothing.
        if file.extension().is_some_and(|end| end == "rs") && !file.starts_with("xtask") {
            proven.extend(rules::proven(&text));
        }
    }
    for (document, read) in PROVEN {
        let stated = read(&workspace::read(Path::new(document))?);
        ensure!(!stated.is_empty(), "{document} states nothing");
        faults.extend(rules::faults(document, &stated, &proven));
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"));
}

/// Takes what is stated out of a document.
type Statements = fn(&str) -> BTreeSet<String>;

/// The documents of which every statement has a test.
const PROVEN: [(&str, Statements); 2] = [
    ("docs/behaviour.md", rules::stated),
    ("docs/pitfalls.md", rules::pitfalls),
];

/// What `cargo metadata` says of the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    optional: bool,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

fn metadata() -> Result<Metadata> {
    let json = cargo(&["metadata", "--no-deps", "--format-version", "1"])?;
    serde_json::from_str(&json).context("read the output of cargo metadata")
}

/// Dependencies between crates of ours that are not in the table.
fn uses(package: &Package, metadata: &Metadata) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let Some(allowed) = table.get(package.name.as_str()) else {
        return vec![format!(
            "{}: not in the table of who may use whom, xtask/src/tidy.rs",
            package.name
        )];
    };
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    package
        .dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .filter(|name| ours.contains(name) && !allowed.contains(name))
        .map(|name| format!("{} must not use {name}: docs/architecture.md", package.name))
        .collect()
}

/// Dependencies that a production build could not leave out.
fn not_optional(package: &Package) -> Vec<String> {
    let (program, only_optional) = ONLY_OPTIONAL;
    let is_fixed = |dependency: &&Dependency| {
        only_optional.contains(&dependency.name.as_str()) && !dependency.optional
    };
    let fixed = package.dependencies.iter().filter(is_fixed);
    fixed
        .filter(|_| package.name == program)
        .map(|dependency| {
            format!(
                "{program} must use {} behind a feature only",
                dependency.name
            )
        })
        .collect()
}

/// A crate that does not take the lints of the workspace has none.
fn own_lints(package: &Package) -> Result<Vec<String>> {
    let file = relative(&package.manifest_path);
    let has_lints = workspace::read(file)?.contains("[lints]\nworkspace = true\n");
    let fault = || format!("{}: add [lints] workspace = true", file.display());
    Ok((!has_lints).then(fault).into_iter().collect())
}

/// A path as seen from the root of the repository.
fn relative(path: &Path) -> &Path {
    path.strip_prefix(workspace::root()).unwrap_or(path)
}

/// Roots of libraries and programs that do not forbid unsafe code.
fn unsafe_code(package: &Package) -> Result<Vec<String>> {
    if MAY_BE_UNSAFE.contains(&package.name.as_str()) {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    for target in &package.targets {
        let is_root = target
            .kind
            .iter()
            .any(|kind| kind == "lib" || kind == "bin");
        let file = relative(&target.src_path);
        if is_root && !workspace::read(file)?.contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{}: add #![forbid(unsafe_code)]", file.display()));
        }
    }
    Ok(faults)
}

/// Crates that do IO in the dependency tree of the policy.
fn io_in_policy() -> Result<Vec<String>> {
    let tree = cargo(&[
        "tree",
        "-p",
        "ecm-policy",
        "-e",
        "normal",
        "--prefix",
        "none",
    ])?;
    let in_tree: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(
        in_tree.contains("ecm-policy"),
        "cargo tree says nothing of ecm-policy"
    );
    Ok(NOT_IN_POLICY
        .iter()
        .filter(|name| in_tree.contains(*name))
        .map(|name| {
            format!("ecm-policy must do without {name}: see `cargo tree -p ecm-policy -i {name}`")
        })
        .collect())
}

/// The lock file of the fuzz targets, where a library has got a dependency since. The targets are a workspace of their
/// own, so that no other build looks at it, and building them takes minutes.
fn fuzz_lock() -> Result<Vec<String>> {
    let output = workspace::cargo()
        .args(["metadata", "--locked", "--format-version", "1"])
        // Packages of other platforms need not be there.
        .args(["--filter-platform", &crate::fuzz::host()?])
        .args(["--manifest-path", "fuzz/Cargo.toml"])
        .output()
        .context("run cargo metadata for fuzz/Cargo.toml")?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    lock_fault(&String::from_utf8_lossy(&output.stderr)).map(|fault| vec![fault])
}

/// What to do about what cargo said of the lock file of the fuzz targets.
fn lock_fault(said: &str) -> Result<String> {
    ensure!(
        said.contains("because --locked was passed"),
        "cargo metadata for fuzz/Cargo.toml: {said}"
    );
    Ok(
        "fuzz/Cargo.lock lags behind the manifests of the libraries: run `cargo update --workspace --manifest-path \
         fuzz/Cargo.toml` and commit it"
            .to_owned(),
    )
}

fn text_faults(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let is_policy = file.starts_with("crates/ecm-policy/src");
    for (number, line) in (1..).zip(text.lines()) {
        let mut fault = |what: String| faults.push(format!("{}:{number}: {what}", file.display()));
        if line.ends_with([' ', '\t', '\r']) {
            fault("white space at the end of the line".to_owned());
        }
        for leftover in LEFTOVERS
            .iter()
            .filter(|leftover| line.contains(**leftover))
        {
            fault(format!("{leftover} is left"));
        }
        for word in NOT_IN_POLICY_CODE
            .iter()
            .filter(|word| is_policy && line.contains(**word))
        {
            fault(format!("the policy must do without {word}"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(format!("{}: the last line has no end", file.display()));
    }
    faults
}

/// What a cargo command prints.
fn cargo(arguments: &[&str]) -> Result<String> {
    let what = || format!("cargo {}", arguments.join(" "));
    let output = workspace::cargo()
        .args(arguments)
        .output()
        .with_context(what)?;
    ensure!(
        output.status.success(),
        "{}: {}",
        what(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies: uses
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    optional: false,
                })
                .collect(),
            targets: Vec::new(),
        }
    }

    #[test]
    fn a_dependency_against_the_direction_is_named() {
        let metadata = Metadata {
            packages: vec![
                package("ens-sim", &["serde", "ens-openapi"]),
                package("ens-openapi", &["serde"]),
                package("newcomer", &[]),
            ],
        };
        let faults: Vec<String> = metadata
            .packages
            .iter()
            .flat_map(|package| uses(package, &metadata))
            .collect();
        assert_eq!(
            faults,
            [
                "ens-sim must not use ens-openapi: docs/architecture.md",
                "newcomer: not in the table of who may use whom, xtask/src/tidy.rs",
            ]
        );
    }

    #[test]
    fn a_simulator_that_a_production_build_would_carry_is_named() {
        let mut program = package("ecm", &["ens-sim", "kube-sim", "ecm-policy"]);
        for dependency in &mut program.dependencies {
            dependency.optional = dependency.name == "kube-sim";
        }
        assert_eq!(
            not_optional(&program),
            ["ecm must use ens-sim behind a feature only"]
        );
        assert!(not_optional(&package("ecm-testkit", &["ens-sim"])).is_empty());
    }

    #[test]
    fn a_stale_lock_of_the_fuzz_targets_is_told_from_other_trouble() {
        let stale = "error: cannot update the lock file /r/fuzz/Cargo.lock because --locked was passed to prevent this";
        let fault = lock_fault(stale).unwrap_or_default();
        assert!(fault.contains("cargo update --workspace --manifest-path fuzz/Cargo.toml"));
        let other = lock_fault("error: failed to parse manifest");
        assert!(other.is_err_and(|error| error.to_string().contains("failed to parse manifest")));
    }

    #[test]
    fn a_clock_in_the_policy_is_named() {
        let text = "use std::time::Instant;\n";
        let faults = text_faults(Path::new("crates/ecm-policy/src/plan.rs"), text);
        assert_eq!(
            faults,
            ["crates/ecm-policy/src/plan.rs:1: the policy must do without Instant"]
        );
        assert!(text_faults(Path::new("crates/ecm-reconciler/src/leader.rs"), text).is_empty());
    }

    #[test]
    fn the_table_has_no_circle() {
        for (place, (name, allowed)) in MAY_USE.iter().enumerate() {
            for used in *allowed {
                let above = MAY_USE[..place].iter().any(|(other, _)| other == used);
                assert!(above, "{used} must stand above {name}, which may use it");
            }
        }
    }

    #[test]
    fn leftovers_and_white_space_are_named_with_their_line() {
        let text = format!("fn a() {{\n    {})\n}} \n\nlast", LEFTOVERS[0]);
        let faults = text_faults(Path::new("a.rs"), &text);
        assert_eq!(
            faults,
            [
                format!("a.rs:2: {} is left", LEFTOVERS[0]),
                "a.rs:3: white space at the end of the line".to_owned(),
                "a.rs: the last line has no end".to_owned(),
            ]
        );
        assert!(text_faults(Path::new("a.rs"), "fn a() {}\n").is_empty());
    }
}
