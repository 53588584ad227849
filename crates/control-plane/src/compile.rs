//! Building the programs with Go, once, into the user's cache.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::binaries::{
    Binaries, ETCD, GO_MOD, GO_SUM, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, Missing, cache_folder,
    kubernetes_version,
};

/// The main packages, in the order of [`Binaries`].
const PACKAGES: [&str; 3] = [
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
];

/// A line about the progress for every so many compiled packages.
const PACKAGES_PER_LINE: usize = 100;

/// Why the programs were not built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    #[error("no folder for the built programs: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// No Go toolchain.
    #[error("no Go toolchain: install Go 1.26 or newer (https://go.dev/dl) and put it on the PATH")]
    NoGo(#[source] std::io::Error),
    /// A file of the cache.
    #[error("{what} {}", path.display())]
    File {
        /// What was done to it.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A command of the toolchain failed.
    #[error("{command} failed: {message}")]
    Go {
        /// The command.
        command: String,
        /// The last of what it said.
        message: String,
    },
    /// It was built and is not there.
    #[error("the build left something out")]
    Incomplete(#[source] Missing),
}

/// Finds the programs, or else builds them. `progress` gets a line now and then.
///
/// # Errors
/// As [`build`].
pub fn install(progress: impl FnMut(&str)) -> Result<Binaries, BuildError> {
    match Binaries::find() {
        Ok(found) => Ok(found),
        Err(_) => build(progress),
    }
}

/// Builds etcd, kube-apiserver and kube-controller-manager at the versions of the Go module beside this crate, unless
/// the cache has them. It takes 14 minutes of processor time, and the downloads. Two processes that build at the same time
/// wait for each other.
///
/// # Errors
/// No Go, no network on the first build, or no space.
pub fn build(mut progress: impl FnMut(&str)) -> Result<Binaries, BuildError> {
    let cache = cache_folder().ok_or(BuildError::NoCache)?;
    let parent = cache.parent().ok_or(BuildError::NoCache)?;
    fs::create_dir_all(parent).map_err(at("make", parent))?;
    let lock_path = cache.with_extension("lock");
    let lock = fs::File::create(&lock_path).map_err(at("make", &lock_path))?;
    lock.lock().map_err(at("lock", &lock_path))?;
    let in_cache = || Binaries::find_in(std::slice::from_ref(&cache));
    if let Ok(built) = in_cache() {
        return Ok(built);
    }
    let work = tempfile::Builder::new()
        .prefix("build-")
        .tempdir_in(parent)
        .map_err(at("make a folder in", parent))?;
    for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
        let path = work.path().join(name);
        fs::write(&path, text).map_err(at("write", &path))?;
    }
    progress(&format!(
        "building Kubernetes {} and etcd for tests, once, into {}",
        kubernetes_version(),
        cache.display()
    ));
    let out = work.path().join("bin");
    fs::create_dir(&out).map_err(at("make", &out))?;
    compile(work.path(), &out, &mut progress)?;
    // Go names a program after its package.
    let (from, to) = (out.join("server"), out.join(ETCD));
    fs::rename(&from, &to).map_err(at("rename", &from))?;
    // The programs appear together or not at all.
    fs::rename(&out, &cache).map_err(at("move the programs to", &cache))?;
    progress(&format!(
        "built {ETCD}, {KUBE_APISERVER} and {KUBE_CONTROLLER_MANAGER}"
    ));
    in_cache().map_err(BuildError::Incomplete)
}

fn compile(module: &Path, out: &Path, progress: &mut impl FnMut(&str)) -> Result<(), BuildError> {
    let total = count_packages(module)?;
    let mut child = go(module, "build")
        .args(["-v", "-trimpath", "-ldflags", &linker_flags(), "-o"])
        .arg(out)
        .args(PACKAGES)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(BuildError::NoGo)?;
    // With -v, Go names each package that it compiles on standard error, and faults too.
    let mut last = Vec::new();
    let mut compiled = 0_usize;
    for line in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|pipe| BufReader::new(pipe).lines())
    {
        let Ok(line) = line else { break };
        if line.starts_with("go: downloading") || line.contains(' ') {
            last.push(line);
            last.drain(..last.len().saturating_sub(20));
            continue;
        }
        compiled += 1;
        if compiled.is_multiple_of(PACKAGES_PER_LINE) {
            progress(&format!("compiled {compiled} of at most {total} packages"));
        }
    }
    let status = child.wait().map_err(BuildError::NoGo)?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Go {
        command: "go build".to_owned(),
        message: last.join("\n"),
    })
}

/// How many packages the programs are made of. It downloads what is missing.
fn count_packages(module: &Path) -> Result<usize, BuildError> {
    let output = go(module, "list")
        .arg("-deps")
        .args(PACKAGES)
        .output()
        .map_err(BuildError::NoGo)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        return Err(BuildError::Go {
            command: "go list".to_owned(),
            message: text(&output.stderr),
        });
    }
    Ok(text(&output.stdout).lines().count())
}

fn go(module: &Path, command: &str) -> Command {
    let mut go = Command::new("go");
    go.arg(command)
        .current_dir(module)
        // No C toolchain needed, and the programs run on any machine of this architecture.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .stdin(Stdio::null());
    go
}

/// Small programs that know their version. The release scripts of Kubernetes set it in the same way
/// (kubernetes/kubernetes, hack/lib/version.sh).
fn linker_flags() -> String {
    let package = "k8s.io/component-base/version";
    let version = kubernetes_version();
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or("1"), parts.next().unwrap_or("0"));
    format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    )
}

fn at<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> BuildError + use<'a> {
    move |source| BuildError::File {
        what,
        path: path.to_owned(),
        source,
    }
}
