//! A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager.
//!
//! [`Binaries`] are found on the machine or built once with Go; [`ControlPlane`] runs them on loopback with certificates,
//! tokens and a folder of its own, and ends them when it is dropped or when the process that started it dies, however
//! that happens. There is no kubelet and no scheduler: pods stay pending unless somebody plays both.
//!
//! A fixture: anybody on the machine may read its temporary folder's name, but not the folder, which holds the keys.
#![forbid(unsafe_code)]

mod binaries;
mod compile;
mod control_plane;
mod credentials;
mod processes;

pub use binaries::{Binaries, Missing, cache_folder};
pub use compile::{BuildError, build, install};
pub use control_plane::{ControlPlane, StartError, User};
