//! Where the programs of a control plane are.

use std::env;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The Go module that says which versions are built.
pub(crate) const GO_MOD: &str = include_str!("../go/go.mod");

/// The checksums of everything that is built.
pub(crate) const GO_SUM: &str = include_str!("../go/go.sum");

/// The programs of a control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The store.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controllers: garbage collection, DaemonSets, EndpointSlices, service accounts.
    pub kube_controller_manager: PathBuf,
}

/// No control plane is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "no {0} is in KUBEBUILDER_ASSETS, on the PATH or in the cache: install Go and run `cargo xtask control-plane build`"
)]
pub struct Missing(
    /// Which program.
    pub &'static str,
);

impl Binaries {
    /// Looks in the folder `KUBEBUILDER_ASSETS`, then on the `PATH`, then in the cache of [`crate::build`].
    ///
    /// kube-apiserver and kube-controller-manager have to be in one folder: the controllers must not be newer than the
    /// API server (the version skew policy of Kubernetes). Any etcd will do.
    ///
    /// # Errors
    /// A program is in none of them.
    pub fn find() -> Result<Self, Missing> {
        let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = assets
            .into_iter()
            .chain(env::split_paths(&path))
            .chain(cache_folder())
            .collect();
        Self::find_in(&folders)
    }

    /// Looks in folders, the first of which counts most.
    pub(crate) fn find_in(folders: &[PathBuf]) -> Result<Self, Missing> {
        let first_with = |names: &[&'static str]| {
            let mut holders = folders
                .iter()
                .filter(|folder| names.iter().all(|name| folder.join(name).is_file()));
            holders.next().ok_or(Missing(names[0]))
        };
        let kubernetes = first_with(&[KUBE_APISERVER, KUBE_CONTROLLER_MANAGER])?;
        Ok(Self {
            etcd: first_with(&[ETCD])?.join(ETCD),
            kube_apiserver: kubernetes.join(KUBE_APISERVER),
            kube_controller_manager: kubernetes.join(KUBE_CONTROLLER_MANAGER),
        })
    }
}

pub(crate) const ETCD: &str = "etcd";
pub(crate) const KUBE_APISERVER: &str = "kube-apiserver";
pub(crate) const KUBE_CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Where built programs are kept: one folder for each content of the Go module, in the user's cache. `None` for a
/// process without `XDG_CACHE_HOME` and `HOME`.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let caches = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))?;
    let digest = Sha256::new()
        .chain_update(GO_MOD)
        .chain_update(GO_SUM)
        .finalize();
    let digest = digest
        .iter()
        .take(6)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let version = kubernetes_version();
    Some(caches.join(format!(
        "edge-controller-manager/control-plane/{version}-{digest:012x}"
    )))
}

/// The version of Kubernetes in the Go module, such as `v1.37.2`.
pub(crate) fn kubernetes_version() -> &'static str {
    GO_MOD
        .lines()
        .filter_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
        .map(|rest| rest.split(' ').next().unwrap_or(rest))
        .next()
        .unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    #[test]
    fn an_api_server_without_its_controllers_is_not_mixed_with_those_of_another_version() {
        let assets = folder(&[ETCD, KUBE_APISERVER]);
        let cache = folder(&[ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER]);
        let found =
            Binaries::find_in(&[assets.path().to_owned(), cache.path().to_owned()]).unwrap();
        assert_eq!(found.etcd, assets.path().join(ETCD));
        assert_eq!(found.kube_apiserver, cache.path().join(KUBE_APISERVER));
        assert_eq!(
            found.kube_controller_manager,
            cache.path().join(KUBE_CONTROLLER_MANAGER)
        );
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let text = Binaries::find_in(&[]).unwrap_err().to_string();
        assert!(
            text.contains("kube-apiserver") && text.contains("control-plane build"),
            "{text}"
        );
    }

    #[test]
    fn the_version_is_read_from_the_go_module() {
        assert!(
            kubernetes_version().starts_with("v1."),
            "{}",
            kubernetes_version()
        );
    }
}
