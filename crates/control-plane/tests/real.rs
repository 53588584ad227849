//! The programs themselves. Skipped where they are not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use control_plane::{Binaries, ControlPlane, User};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::ListParams;

/// `None`, with a word about it, where there are none; that fails where they have to be there.
fn binaries() -> Option<Binaries> {
    match Binaries::find() {
        Ok(found) => Some(found),
        Err(missing) if std::env::var_os("CI").is_some() => panic!("{missing}"),
        Err(missing) => {
            println!("skipped: {missing}");
            None
        }
    }
}

#[tokio::test]
async fn it_authenticates_authorizes_audits_and_leaves_nothing() {
    let Some(binaries) = binaries() else { return };
    let control_plane = ControlPlane::start(&binaries).await.unwrap();
    let admin = control_plane.client(User::Admin).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), "default");
    accounts.get("default").await.unwrap();

    let nobody = control_plane.client(User::Nobody).await.unwrap();
    let refused = Api::<Namespace>::all(nobody)
        .list(&ListParams::default())
        .await;
    let kube::Error::Api(status) = refused.unwrap_err() else {
        panic!("not an answer of the API server")
    };
    assert_eq!(status.code, 403, "{status:?}");
    assert!(status.message.contains("\"nobody\""), "{status:?}");

    let folder = control_plane.folder().to_owned();
    let audit = std::fs::read_to_string(folder.join("audit.log")).unwrap();
    assert!(audit.contains("\"username\":\"nobody\""));
    drop(control_plane);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_named_with_what_it_said() {
    let Some(mut binaries) = binaries() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("etcd");
    std::fs::write(&broken, "#!/bin/sh\necho no disk; exit 7\n").unwrap();
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    binaries.etcd = broken;
    let Err(error) = ControlPlane::start(&binaries).await else {
        panic!("it started without a store")
    };
    let text = error.to_string();
    assert!(
        text.contains("etcd ended") && text.contains("no disk"),
        "{text}"
    );
}
