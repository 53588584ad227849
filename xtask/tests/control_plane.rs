//! Nothing is left of a control plane, however the command ends. Skipped where the programs are not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a command says in `control-plane run -- sh -c SCRIPT`; `None` where there are no programs.
fn run(script: &str) -> Option<Output> {
    if let Err(missing) = control_plane::Binaries::find() {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        println!("skipped: {missing}");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["control-plane", "run", "--", "sh", "-c", script]);
    Some(command.output().unwrap())
}

/// The folder that a script named with `dirname $KUBECONFIG`.
fn folder(output: &Output) -> PathBuf {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let folder = PathBuf::from(text.trim());
    assert!(folder.is_absolute(), "{output:?}");
    folder
}

/// Processes whose working directory is a folder.
fn processes_in(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
        .filter(|cwd| cwd.starts_with(folder))
        .count()
}

#[test]
fn nothing_is_left_when_the_command_fails_and_its_exit_code_is_told() {
    let Some(output) = run("dirname $KUBECONFIG; exit 3") else {
        return;
    };
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let folder = folder(&output);
    assert!(!folder.exists());
    assert_eq!(processes_in(&folder), 0);
}

#[test]
fn nothing_is_left_when_it_is_killed_without_warning() {
    let Some(output) = run("dirname $KUBECONFIG; kill -s KILL $PPID") else {
        return;
    };
    let folder = folder(&output);
    // The guard has no parent any more that could wait for it.
    while folder.exists() || processes_in(&folder) > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_left_when_it_is_terminated() {
    let Some(output) = run("dirname $KUBECONFIG; kill -s TERM $PPID; exec sleep 1000") else {
        return;
    };
    assert!(!output.status.success());
    let folder = folder(&output);
    assert!(!folder.exists());
    assert_eq!(processes_in(&folder), 0);
}
